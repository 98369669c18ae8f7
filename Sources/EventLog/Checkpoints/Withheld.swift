/// What a connection is not sent yet although it would take it: its client gets so many frames a second at most, or asked for
/// batches.
///
/// For example: a client that takes no batches was sent 20 of the 30 events of a round, 101 to 130. Its lag row is slow, due
/// in half a second, `from` 101, and withholds `through` 130 what comes `after` 120. The lag sender conflates 101 to 130 as
/// the round did and posts 121 to 125; `after` is 125 then. Only when it has all of them does it read what came since: each
/// key has its turn, and no event comes before an older one. `Docs/decisions/0008-lagging-clients.md`.
package struct Withheld: Equatable, Sendable {
  /// The events from the row's `from` to here are sent before any later one; 0: all that there is.
  package var through: Int64
  /// Of these the connection has those up to here.
  package var after: Int64
  /// Until when the frames that it was sent are paid, in milliseconds since the epoch (`FrameRate`); 0: none were counted.
  package var paidUntilMilliseconds: Int64
  /// It asked for batches: a round serves it once there are enough for one.
  package var isBatching: Bool

  package init(
    through: Int64 = 0, after: Int64 = 0, paidUntilMilliseconds: Int64 = 0, isBatching: Bool = false
  ) {
    self.through = through
    self.after = after
    self.paidUntilMilliseconds = paidUntilMilliseconds
    self.isBatching = isBatching
  }
}
