/// What a client asks for in its own words; what that means for its role is for the table of event types to say.
package struct SubscriptionRequest: Equatable, Sendable {
  /// Event types, channels, subscription names; a trailing `*` makes a pattern of known types.
  package var names: [String]
  /// Which keys of these types; empty: all.
  package var keys: [String]

  package init(names: [String], keys: [String] = []) {
    self.names = names
    self.keys = keys
  }

  /// In the words of all documents at once. `symbols` and `dataTypes` are those of the market data clients: a data type
  /// is the event type `stream:{type}`, a symbol its key; symbols alone are symbols of `market_data`. Beside event
  /// types that name no keys of their own, symbols are their keys.
  package init(eventTypes: [String], keys: [String] = [], symbols: [String] = [], dataTypes: [String] = []) {
    names = eventTypes + dataTypes.map { "stream:\($0)" }
    if names.isEmpty, !symbols.isEmpty { names = ["stream:market_data"] }
    self.keys = keys + symbols
  }

  /// A name that is not subscribed to, and why.
  package struct Refusal: Error, Equatable {
    package enum Code: String, Sendable {
      case notAllowed = "not_allowed"
      case unknownType = "unknown_type"
      case invalidName = "invalid_name"
    }

    package let name: String
    package let code: Code
    package let message: String

    package init(name: String, code: Code, message: String) {
      self.name = name
      self.code = code
      self.message = message
    }
  }
}
