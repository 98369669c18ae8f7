/// Why one published event is not taken; the message names the field and what is allowed there.
package struct EventRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable {
    case notAnObject = "not_an_object"
    case missingField = "missing_field"
    case invalidField = "invalid_field"
    case unknownField = "unknown_field"
    case repeatedField = "repeated_field"
    case reservedType = "reserved_type"
    case tooLarge = "too_large"
    case keyTaken = "idempotency_key_taken"
    case tooManyKeys = "too_many_keys"
    case notAllowed = "not_allowed"
  }

  package let code: Code
  package let message: String

  package init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  /// The event is too large.
  package init(bytes: Int, maximum: Int) {
    self.init(code: .tooLarge, message: "the event is \(bytes) bytes of JSON; at most \(maximum) are allowed")
  }

  package var description: String { "\(code.rawValue): \(message)" }
}
