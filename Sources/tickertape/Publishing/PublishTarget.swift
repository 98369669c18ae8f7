import AWS
import HTTPClient

/// Where events go, `--endpoint` and `--function`, and as whom.
struct PublishTarget {
  let endpoint: String
  let function: String
  private let signing: Signing
  private let answerMilliseconds: Int

  static let options: [OptionSyntax] = [
    .value("endpoint", value: "URL", help: "Where the Lambda Invoke API answers. Default http://127.0.0.1:8000."),
    .value("function", value: "NAME", help: "The function that publishes. Default Publisher."),
    .value("timeout", value: "SECONDS", help: "How long to wait for an answer. Default 30."),
  ]

  private static let maximumSeconds = 900.0

  init(_ arguments: Arguments) throws(CommandFailure) {
    endpoint = arguments.value("endpoint") ?? "http://127.0.0.1:8000"
    function = arguments.value("function") ?? "Publisher"
    signing = try Signing(ofCalls: arguments)
    let seconds = try arguments.positiveNumber("timeout")
    guard seconds ?? 1 <= Self.maximumSeconds else {
      throw CommandFailure(
        code: .usage, message: "--timeout takes at most \(Int(Self.maximumSeconds)) seconds, as Lambda does")
    }
    answerMilliseconds = seconds.map { Int(($0 * 1000).rounded(.up)) } ?? InvokeAPI.answerMilliseconds
  }

  /// Once the interruption has come, answers are waited for three seconds more.
  func api(
    in context: CommandContext, until signal: TerminationSignal = .never
  ) throws(CommandFailure) -> InvokeAPI {
    var authority: SigningAuthority?
    // An endpoint that is no URL is told by the API below.
    if let url = try? HTTPURL(endpoint) {
      authority = try signing.authority(for: url, service: "lambda", in: context)
    }
    return try InvokeAPI(
      endpoint: endpoint, function: function,
      exchange: try context.exchange(signedBy: authority, until: signal),
      randomness: context.randomness, answerMilliseconds: answerMilliseconds,
      pause: { _ = signal.wait(milliseconds: $0) })
  }
}
