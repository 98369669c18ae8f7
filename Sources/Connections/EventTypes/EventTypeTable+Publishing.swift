package import Messaging

extension EventTypeTable {
  /// The event as it is written: under its canonical type, with a key where the type's name holds one (`stream:news:AAPL`)
  /// or the data do, with the version of its type, and without what never leaves.
  ///
  /// For example, by the file that is built in, `{"type":"price:update","data":{"symbol":"AAPL","price":152.50}}` has the
  /// key `AAPL` and version 1.
  package func published(_ event: Event) throws(EventRefusal) -> Event {
    var event = event
    let meaning = meaning(of: event.type)
    event.type = meaning.type
    if let key = meaning.key {
      if let other = event.key, !other.hasSameBytes(as: key) {
        throw EventRefusal(code: .invalidField, message: "'type' holds the key \"\(key)\", but 'key' is another")
      }
      event.key = key
    }
    guard let type = type(named: event.type) else { return event }
    event.version = type.version
    if event.key == nil, let path = type.key { event.key = EventData.key(of: event.data, at: path) }
    event.data = EventData.withholding(type.omitted, redacting: type.redacted, from: event.data)
    return event
  }

  /// The member of `data` that events of a type get their key from; nil: they get none.
  package func keyMember(of type: String) -> String? { self.type(named: type)?.key?.text }
}
