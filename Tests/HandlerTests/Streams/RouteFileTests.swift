import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import StreamHandler

@Suite("the file of routes")
struct RouteFileTests {
  private func error(_ rows: String) -> String {
    do throws(RouteFileError) {
      _ = try RouteFile(reading: bytes("{\"version\":1,\n\"routes\":[\n\(rows)]}"), file: "r.json", types: .standard)
      return ""
    } catch {
      return error.description
    }
  }

  private static let good = #"{"path":"/a","name":"a","types":["price:update"]}"#

  @Test("a row is a stream")
  func row() throws {
    let streams = try StreamStage(
      routes:
        #"{"version":1,"routes":[{"path":"/my/:symbol/feed","name":"mine","access":"public","keyed":["price:update"],"key":":symbol"}]}"#
    )
    let client = try streams.request("/my/AAPL/feed")
    try streams.price("AAPL", "1.00")
    try streams.price("MSFT", "2.00")
    try streams.pass(milliseconds: 50)
    #expect(client.named.count == 1 && client.named[0].contains("AAPL"))
    #expect(try streams.request("/api/stream/prices").status == 404)
  }

  @Test(
    "a bad file is named with its line, what is wrong and what is allowed",
    arguments: [
      (
        #"{"path":"/b","name":"b","typs":["price:update"]}"#,
        "the routes of r.json, line 4, routes[1].typs: is not known"
      ),
      (#"{"path":"b","name":"b","types":["price:update"]}"#, "line 4, routes[1].path: must begin with '/'"),
      (#"{"path":"/b","name":"B c","types":["price:update"]}"#, "line 4, routes[1].name: must be 1 to 32"),
      (#"{"path":"/b","name":"b"}"#, "line 4, routes[1]: shows no type"),
      (#"{"path":"/b","name":"b","types":["pricé"]}"#, "routes[1].types[0]: must be 1 to"),
      (#"{"path":"/b","name":"b","types":["prices"]}"#, "'prices' is no type of the file of event types"),
      (#"{"path":"/b","name":"b","access":"public","types":["risk"]}"#, "'risk' is not public, and the route is"),
      (
        #"{"path":"/b","name":"b","access":"public","audience":"user","types":["price:update"]}"#,
        "a public route has no user"
      ),
      (#"{"path":"/b","name":"b","framing":"loud","types":["risk"]}"#, "must be one of named, unnamed, both"),
      (#"{"path":"/b","name":"b","keyed":["risk"]}"#, "needs both 'keyed' and 'key'"),
      (#"{"path":"/b/:x","name":"b","keyed":["risk"],"key":":y"}"#, "':y' is no segment of the path"),
      (#"{"path":"/b","name":"b","types":["risk"],"endsWith":["signal"]}"#, "'signal' is none of the route's types"),
      (#"{"path":"/b","name":"a","types":["risk"]}"#, "stands twice"),
      (#"{"path":"/a","name":"b","types":["risk"]}"#, "stands twice"),
      (#"{"path":"/b","name":"b","typesFrom":"body"}"#, "a body comes with POST alone"),
      (#"{"path":"/b","name":"b","types":["risk"],}"#, "line 4: "),
    ])
  func badRows(row: String, expected: String) {
    let found = error("\(Self.good),\n\(row)")
    #expect(found.contains(expected), "\(found)")
  }

  @Test("the file that is built in is one, and every public route shows public types")
  func builtIn() throws {
    let file = try RouteFile(environment: .init([:]), types: .standard)
    #expect(file.routes.count == 13 && file.routes.filter { $0.access == .open }.map(\.name) == ["prices"])
  }
}
