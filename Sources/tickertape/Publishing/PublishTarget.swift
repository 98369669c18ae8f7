import AWSSigning
import HTTPClient

/// Where events go, `--endpoint` and `--function`, and as whom.
struct PublishTarget {
  let endpoint: String
  let function: String
  private let signing: Signing

  static let options: [OptionSyntax] = [
    .value("endpoint", "URL", "Where the Lambda Invoke API answers. Default http://127.0.0.1:8000."),
    .value("function", "NAME", "The function that publishes. Default Publisher."),
  ]

  init(_ arguments: Arguments) throws(CommandFailure) {
    endpoint = arguments.value("endpoint") ?? "http://127.0.0.1:8000"
    function = arguments.value("function") ?? "Publisher"
    signing = try Signing(ofCalls: arguments)
  }

  func api(in surroundings: Surroundings) throws(CommandFailure) -> InvokeAPI {
    let interruption = Interruption.never
    var authority: SigningAuthority?
    // An endpoint that is no URL is told by the API below.
    if let url = try? HTTPURL(endpoint) {
      authority = try signing.authority(for: url, service: "lambda", in: surroundings)
    }
    return try InvokeAPI(
      endpoint: endpoint, function: function, exchange: try surroundings.exchange(signedBy: authority),
      randomness: surroundings.randomness,
      pause: { _ = interruption.wait(milliseconds: $0) })
  }
}
