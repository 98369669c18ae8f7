import Messaging

/// What of a topic a listener wants, and the name it wants it by.
package struct ListenerFilter: Equatable, Sendable {
  /// Empty: everything; else the keys that begin with one of these.
  package let prefixes: [String]
  package let shownAs: String?

  package init(prefixes: [String] = [], shownAs: String? = nil) {
    self.prefixes = prefixes
    self.shownAs = shownAs
  }

  /// Whether an event that was looked for under a topic passes.
  func passes(_ topic: Topic, event: Event) -> Bool {
    switch topic {
    case .type: passes(key: event.key)
    case .key, .user, .group, .everyone, .accessKey, .ending: true
    }
  }

  /// An event without a key begins with no prefix.
  package func passes(key: String?) -> Bool {
    prefixes.isEmpty || prefixes.contains { key?.hasBytePrefix($0) ?? false }
  }
}
