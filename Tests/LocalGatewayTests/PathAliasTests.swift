import Foundation
import HTTPWire
import JSON
import Testing

@testable import LocalGateway

/// `Tests/Fixtures/paths.json` has the cases, which the distribution's function must pass too (`test_distribution.py`).
@Suite("The source protocols' paths")
struct PathAliasTests {
  @Test(
    "a path of the source protocols becomes query parameters, and no other path does", arguments: try PathCase.all())
  func aliases(_ one: PathCase) throws {
    let bench = try GatewayBench()
    let client = try bench.client()
    client.sendHandshake(one.path)
    guard let query = one.query else {
      #expect(try client.http.answer().status == 403)
      return
    }
    let event = try bench.call(0, of: "Connect").event
    #expect(event.contains("queryStringParameters") == !query.isEmpty)
    #expect(query.isEmpty || event.contains(#""queryStringParameters":\#(Self.object(query)),"#), "\(event)")
  }

  @Test("the distribution's function has the same table, line by line")
  func sameTable() throws {
    let template = try String(contentsOf: PathCase.root.appending(path: "infra/template.yaml"), encoding: .utf8)
    let table = try #require(template.firstMatch(of: /const aliases = \[\n(?<lines>(?s:.*?))\n *\];/))
    let lines = table.lines.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    let expected = PathAlias.documented.map(Self.line)
    #expect(lines == expected, "infra/template.yaml needs\n\(expected.joined(separator: "\n"))")
  }

  private static func line(_ alias: PathAlias) -> String {
    let added = object(alias.added.map { [$0.name, $0.value] })
    let renamed = object(alias.renamed.map { [$0.from, $0.to] })
    return #"{"path":"\#(alias.pattern)","add":\#(added),"rename":\#(renamed)},"#
  }

  private static func object(_ pairs: [[String]]) -> String {
    var writer = JSONWriter()
    writer.object { writer in
      for pair in pairs { writer.member(pair[0], pair[1]) }
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

/// A path with its query, and the parameters that the function gets; nil: no function gets it.
struct PathCase: Decodable, Sendable, CustomTestStringConvertible {
  let path: String
  let query: [[String]]?
  var testDescription: String { path }

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func all() throws -> [PathCase] {
    let cases = try JSONDecoder().decode(
      [PathCase].self, from: Data(contentsOf: root.appending(path: "Tests/Fixtures/paths.json")))
    try #require(cases.count > 20)
    return cases
  }
}
