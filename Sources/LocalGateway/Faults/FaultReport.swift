/// `GET /_tickertape/faults`: what went wrong so far, as JSON.
final class FaultReport: HTTPRequestHandler {
  static let path = "/_tickertape/faults"

  private let faults: Faults

  init(_ faults: Faults) { self.faults = faults }

  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    guard request.path == Self.path else { return false }
    if request.method == "GET" {
      responder.respond(status: 200, headers: Gateway.json, body: faults.report)
    } else {
      responder.refuse(status: 405, message: "Method Not Allowed", headers: [(name: "Allow", value: "GET")])
    }
    return true
  }
}
