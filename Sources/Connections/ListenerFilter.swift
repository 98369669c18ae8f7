import JSON
import Messaging

/// What of a topic a listener wants, and the name it wants it by.
///
/// For example, of a connection of `u-1` that subscribed to the keys `AAPL` and `M*` of `price:update`, by the name `price`:
///
///     t:price%3Aupdate         prefixes M, shown as price
///     t:price%3Aupdate:AAPL    shown as price
///     u:u-1                    asked: these two
package struct ListenerFilter: Equatable, Sendable {
  /// Empty: everything; else the keys that begin with one of these.
  package let prefixes: [String]
  package let shownAs: String?
  /// Under the topic of a user or a group, where events of every type stand: what the connection asked for. Nil: it never
  /// asked for anything, and gets them all.
  let asked: [Topic: ListenerFilter]?

  package init(prefixes: [String] = [], shownAs: String? = nil) {
    self.init(prefixes: prefixes, shownAs: shownAs, asked: nil)
  }

  init(asked: [Topic: ListenerFilter]?) { self.init(prefixes: [], shownAs: nil, asked: asked) }

  private init(prefixes: [String], shownAs: String?, asked: [Topic: ListenerFilter]?) {
    self.prefixes = prefixes
    self.shownAs = shownAs
    self.asked = asked
  }

  /// The name an event that was looked for under a topic is shown by; nil: it is not wanted.
  func shownName(of event: Event, under topic: Topic) -> String? {
    switch topic {
    case .type: passes(key: event.key) ? shownAs ?? event.type : nil
    case .key: shownAs ?? event.type
    case .user, .group: askedName(of: event)
    case .everyone: event.type
    case .accessKey, .ending: nil
    }
  }

  private func askedName(of event: Event) -> String? {
    guard let asked else { return event.type }
    for topic in Topic.subscribed(type: event.type, key: event.key) {
      if let name = asked[topic]?.shownName(of: event, under: topic) { return name }
    }
    return nil
  }

  /// An event without a key begins with no prefix.
  private func passes(key: String?) -> Bool {
    prefixes.isEmpty || prefixes.contains { key?.hasBytePrefix($0) ?? false }
  }
}

// An element is [type, key or null, shown as or null, prefix, prefix, …], in the order of the topics' names.
extension ListenerFilter {
  static func encode(_ asked: [Topic: ListenerFilter]) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 48 * asked.count + 2)
    writer.array { writer in
      for topic in asked.keys.ordered() {
        guard let filter = asked[topic] else { continue }
        encode(topic, filter: filter, to: &writer)
      }
    }
    return writer.bytes
  }

  private static func encode(_ topic: Topic, filter: ListenerFilter, to writer: inout JSONWriter) {
    guard let (type, key) = topic.subscription else { return }
    writer.array { writer in
      writer.string(type)
      if let key { writer.string(key) } else { writer.null() }
      if let shownAs = filter.shownAs { writer.string(shownAs) } else { writer.null() }
      for prefix in filter.prefixes { writer.string(prefix) }
    }
  }

  /// Nil if the bytes are not what `encode` writes.
  static func decode(_ bytes: [UInt8]) -> [Topic: ListenerFilter]? {
    var reader = JSONReader(bytes)
    var asked: [Topic: ListenerFilter] = [:]
    do {
      try reader.beginArray()
      while try reader.nextElement() {
        guard let (topic, filter) = try element(from: &reader) else { return nil }
        asked[topic] = filter
      }
      try reader.end()
    } catch {
      return nil
    }
    return asked
  }

  private static func element(from reader: inout JSONReader) throws(JSONError) -> (Topic, ListenerFilter)? {
    try reader.beginArray()
    guard try reader.nextElement() else { return nil }
    let type = try reader.string()
    guard try reader.nextElement() else { return nil }
    let key = try reader.null() ? nil : reader.string()
    guard try reader.nextElement() else { return nil }
    let shownAs = try reader.null() ? nil : reader.string()
    var prefixes: [String] = []
    while try reader.nextElement() { prefixes.append(try reader.string()) }
    return (
      key.map { .key(type: type, key: $0) } ?? .type(type), ListenerFilter(prefixes: prefixes, shownAs: shownAs)
    )
  }
}

extension Topic {
  /// The type and the key of one that was subscribed to.
  fileprivate var subscription: (type: String, key: String?)? {
    switch self {
    case .type(let type): (type, nil)
    case .key(let type, let key): (type, key)
    case .user, .group, .everyone, .accessKey, .ending: nil
    }
  }
}
