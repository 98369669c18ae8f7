import Access
import Messaging

/// An HTTP request, whichever front it came through.
struct StreamRequest {
  let method: String
  /// Decoded segment by segment, so that a slash in a segment stays in it.
  let path: [String]
  /// In the order in which the client wrote them.
  let query: [(name: String, value: String)]
  let headers: [(name: String, value: String)]
  let body: [UInt8]
  let sourceAddress: String
  let credentials: PresentedCredentials

  init(
    method: String, path: [String], query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: [UInt8] = [], sourceAddress: String = "",
    credentials: PresentedCredentials? = nil
  ) {
    self.credentials = credentials ?? PresentedCredentials(query: query, headers: headers)
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
    self.sourceAddress = sourceAddress
  }

  /// The first header of that name, in any case.
  func header(_ name: String) -> String? {
    headers.first { $0.name.utf8.count == name.utf8.count && $0.name.lowercased() == name.lowercased() }?.value
  }

  /// Of several of that name the last, as API Gateway has it.
  func parameter(_ name: String) -> String? { query.last { $0.name.hasSameBytes(as: name) }?.value }

  /// All values of a parameter, split at commas.
  func list(_ name: String) -> [String] {
    query.filter { $0.name.hasSameBytes(as: name) }.flatMap { pair in
      pair.value.utf8.split(separator: UInt8(ascii: ",")).map { String(Substring($0)) }
    }
  }

  /// Where the client says it is: what browsers send, and what clients that can set no header send.
  var lastEventID: String? {
    let said =
      header("Last-Event-ID") ?? parameter("lastEventId") ?? parameter("last_event_id") ?? parameter("cursor")
    return said.flatMap { $0.isEmpty ? nil : $0 }
  }

  var acceptsGzip: Bool {
    (header("Accept-Encoding") ?? "").utf8.split(separator: UInt8(ascii: ",")).contains { part in
      let pieces = part.split(separator: UInt8(ascii: ";")).map {
        String(Substring($0)).lowercased().filter { $0 != " " && $0 != "\t" }
      }
      guard let coding = pieces.first, coding == "gzip" || coding == "x-gzip" else { return false }
      return !pieces.dropFirst().contains {
        $0.hasPrefix("q=0") && !$0.dropFirst(3).contains { ("1"..."9").contains($0) }
      }
    }
  }
}
