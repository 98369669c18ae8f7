/// Why an open stream ends, in one word.
enum StreamEnd: String {
  /// Nothing came for the length of a slice; its client comes back.
  case slice
  /// The invocation is about to end; its client comes back.
  case deadline
  /// Its front takes no stream, and got what there was; its client comes back.
  case whole
  /// What its client came in with has ended.
  case expired
  /// A newer stream of its user took its place.
  case limit
  /// Another stream came with its ticket.
  case taken
  /// What it was about has come to its end.
  case over
  /// Its client took nothing for five minutes.
  case stuck
  /// The log holds no more what came next; its client comes back and is told.
  case gap
  /// The other side has left.
  case gone
  case failed
  /// The process ends.
  case stopped
}
