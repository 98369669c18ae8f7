/// What the frames of a connection may look like, as its client said in `hello`.
package struct Accepts: OptionSet, Sendable, Hashable {
  package let rawValue: Int64

  package init(rawValue: Int64) { self.rawValue = rawValue }

  /// It said hello, so it is a client library: it knows the control frames and joins parts.
  package static let parts = Accepts(rawValue: 1)
  package static let batch = Accepts(rawValue: 2)
  package static let gzip = Accepts(rawValue: 4)
  /// It said `batch=1` in the URL: it is sent a batch of several events, or of what there is after a while.
  package static let timedBatches = Accepts(rawValue: 8)

  /// Of these what is used in a dialect: the clients of the source protocols know neither batches nor parts, and gzip if
  /// they asked for it in the URL.
  package func allowed(in dialect: Dialect) -> Accepts { dialect.takesBatches ? self : intersection(.gzip) }
}
