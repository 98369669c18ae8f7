import HTTPClient
import HTTPWire

/// Why a watch has no connection.
enum WatchFailure: Error {
  case unreachable(HTTPClientError)
  /// The handshake was answered with this status instead of 101.
  case refused(status: Int, date: String?, body: [UInt8])
  case notWebSocket(String)
  case interrupted

  /// What to tell.
  func failure(url: String) -> CommandFailure {
    // The query may hold a token.
    let position = String(url.prefix { $0 != "?" })
    switch self {
    case .unreachable(let error): return InvokeAPI.unavailable(error, endpoint: position)
    case .refused(let status, _, let body):
      let text = String(decoding: body.prefix(2000), as: UTF8.self)
      return CommandFailure(
        code: .unavailable,
        message:
          "\(position) refused the connection: \(status) \(HTTPWriter.reason(status: status))\(text.isEmpty ? "" : ": ")\(text)",
        advice: Self.advice(for: status))
    case .notWebSocket(let reason): return CommandFailure(code: .unavailable, message: "\(position): \(reason)")
    case .interrupted: return CommandFailure(code: .interrupted, message: "")
    }
  }

  /// Of the handshake's answer, if it was refused.
  var status: Int? {
    if case .refused(let status, _, _) = self { status } else { nil }
  }

  private static func advice(for status: Int) -> [String] {
    switch status {
    case 401, 403:
      [
        "is the stage in the path right, as in ws://127.0.0.1:8000/dev?userId=u-1 ?",
        "if so, $connect refuses this client: does the URL carry a key (?apiKey=…) or a token, or is ACCESS=open set for serve?",
      ]
    case 500...599: ["$connect failed; the log of 'tickertape serve' says why"]
    default: []
    }
  }
}
