/// A frame on its way to a connection, and what the connection lacks without it.
///
/// For example: of events 5 to 7 of a stream, 7 stands for 4 too (`Conflation`). A client that takes no batches gets three
/// frames. One that got the first and not the second lacks events from 4 on, for the third would have told of 4 as well: so
/// `firstSequence` of all three is 4, and so is `from` in its lag row. `Docs/delivery.md`.
package struct OutgoingFrame: Equatable, Sendable {
  package let bytes: [UInt8]
  /// The sequence of the first event that a connection lacks that has only the frames before this one; 0: the frame carries
  /// no event of a stream.
  package let firstSequence: Int64
  /// The sequence of the last event that it carries, or that it is a part of; 0: none.
  package let lastSequence: Int64

  package init(bytes: [UInt8], firstSequence: Int64 = 0, lastSequence: Int64 = 0) {
    self.bytes = bytes
    self.firstSequence = firstSequence
    self.lastSequence = lastSequence
  }
}

/// An event as it is packed into frames.
package struct EncodedEvent: Sendable {
  /// A frame by itself.
  package let bytes: [UInt8]
  /// The oldest event that it stands for, or itself.
  package internal(set) var firstSequence: Int64
  /// Its own; 0: it stands in no stream's order.
  package let sequence: Int64
  /// The events of one group are not parted.
  package let group: Int

  package init(bytes: [UInt8], firstSequence: Int64, sequence: Int64 = 0, group: Int) {
    self.bytes = bytes
    self.firstSequence = firstSequence
    self.sequence = sequence
    self.group = group
  }
}
