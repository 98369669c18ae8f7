/// The key of a message: the same at each of its deliveries, and another one for every other message.
///
/// It names where the message comes from as well, since what a source calls its messages by is unique only there: two
/// queues, two streams, two clusters number their messages alike. `Docs/decisions/0007` has what names a message of
/// each source.
enum MessageKey {
  /// An idempotency key has room for the event's place in its message behind it.
  private static let maximumBytes = 200

  /// Nil without an identity: one key for all would make one message of them.
  static func text(_ source: String, origin: [String], identity: String) -> String? {
    guard !identity.isEmpty else { return nil }
    return KeyText.joined([source] + origin + [identity], maximumBytes: maximumBytes)
  }
}
