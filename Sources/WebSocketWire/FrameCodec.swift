/// What the sessions of one thread share: an encoder, and decoders that a session borrows while a frame is on its way.
///
/// An idle session holds no decoder, so 10,000 idle connections cost no buffers.
package final class FrameCodec {
  let encoder = FrameEncoder()
  private var idleDecoders: [FrameDecoder] = []
  /// Beyond these, a decoder that comes back is freed.
  private static let keptDecoders = 32

  package init() {}

  func borrowDecoder() -> FrameDecoder { idleDecoders.popLast() ?? FrameDecoder() }

  /// A decoder that stands inside a frame is of no use to another connection, and is freed: it would read that
  /// connection's bytes as the rest of the frame.
  func giveBack(_ decoder: FrameDecoder) {
    guard decoder.isIdle, idleDecoders.count < Self.keptDecoders else { return }
    idleDecoders.append(decoder)
  }
}
