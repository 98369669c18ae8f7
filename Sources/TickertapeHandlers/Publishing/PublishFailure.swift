import JSON

/// Events of which it is not known that they were published. Sent again under the same idempotency key they are
/// published once.
public struct PublishFailure: Error, Equatable, CustomStringConvertible {
  /// The type of the Publisher's error, for example `Function.NotPublished`, or `InvalidData` and `NoAnswer`.
  public let errorType: String
  /// What went wrong, in words.
  public let message: String

  init(errorType: String, message: String) {
    self.errorType = errorType
    self.message = message
  }

  /// Of Lambda's document about a function that failed: `{"errorType":"…","errorMessage":"…"}`.
  init(functionError kind: String, document: [UInt8]) {
    var (type, message) = (kind, String(decoding: document.prefix(300), as: UTF8.self))
    do throws(JSONError) {
      var reader = JSONReader(document)
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch name {
        case "errorType": type = try reader.string()
        case "errorMessage": message = try reader.string()
        default: try reader.skip()
        }
      }
    } catch {
      // What was read before the fault may still tell.
    }
    self.init(errorType: type, message: message)
  }

  /// `Function.NotPublished: direct: 1 were not published: …`
  public var description: String { "\(errorType): \(message)" }
}
