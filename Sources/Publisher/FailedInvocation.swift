import EventSources
import LambdaRuntime

/// Something invoked the function that it does not know: better its queue keeps the messages than that they are lost.
struct UnknownSource: LambdaError, CustomStringConvertible {
  let refusal: SourceRefusal
  var errorType: String { "Function.UnknownSource" }
  var description: String { refusal.description }
}

/// Nothing of a direct publish can ever be taken. The message ends with the answer, for a publisher that waits for it.
struct NothingPublished: LambdaError, CustomStringConvertible {
  let answer: PublishAnswer
  var errorType: String { "Function.NothingPublished" }

  var description: String {
    "nothing was published: \(String(decoding: answer.encoded(maximumErrors: 100), as: UTF8.self))"
  }
}

/// Messages failed and their source has no other way of being told.
struct InvocationFailed: LambdaError, CustomStringConvertible {
  let source: String
  let count: Int
  var errorType: String { "Function.NotPublished" }
  var description: String { "\(source): \(count) were not published, for a reason that may pass; invoke again" }
}
