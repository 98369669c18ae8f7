/// Where events go: `--endpoint` and `--function`.
struct PublishTarget {
  let endpoint: String
  let function: String

  static let options: [OptionSyntax] = [
    .value("endpoint", "URL", "Where the Lambda Invoke API answers. Default http://127.0.0.1:8000."),
    .value("function", "NAME", "The function that publishes. Default Publisher."),
  ]

  init(_ arguments: Arguments) {
    endpoint = arguments.value("endpoint") ?? "http://127.0.0.1:8000"
    function = arguments.value("function") ?? "Publisher"
  }

  func api(in surroundings: Surroundings) throws(CommandFailure) -> InvokeAPI {
    let interruption = Interruption.never
    return try InvokeAPI(
      endpoint: endpoint, function: function, exchange: try surroundings.exchange(),
      randomness: surroundings.randomness,
      pause: { _ = interruption.wait(milliseconds: $0) })
  }
}
