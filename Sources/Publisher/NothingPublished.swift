import LambdaRuntime

/// Nothing of a direct publish can ever be taken. The message ends with the answer, for a publisher that waits for it.
struct NothingPublished: LambdaError, CustomStringConvertible {
  let answer: PublishAnswer
  var errorType: String { "Function.NothingPublished" }

  var description: String {
    "nothing was published: \(String(decoding: answer.encoded(maximumErrors: 100), as: UTF8.self))"
  }
}
