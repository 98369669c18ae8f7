import Messaging

/// Bytes that travel in base64.
enum Encoded {
  /// Nil: the record has no data.
  static func bytes(_ text: String?) -> Result<[UInt8], SourceRefusal> {
    guard let text else { return .failure(.noValue) }
    guard let bytes = Base64.decode(text.utf8) else {
      return .failure(SourceRefusal(code: "not_base64", message: "the record's data is not base64"))
    }
    return .success(bytes)
  }
}
