import WebSocketWire

/// What all WebSocket channels of a loop share: buffers, the frame codec, and the patience with those that are closing.
final class WebSocketHub {
  let loop: EventLoop
  let buffer: ReadBuffer
  let codec = FrameCodec()
  /// Where frames are put together; empty between two calls.
  var frames: [UInt8] = []

  /// How long a client has to answer a close frame.
  private let closingMilliseconds: Int64
  private var closing: [ObjectIdentifier: WebSocketChannel] = [:]
  private var isSweeping = false

  init(loop: EventLoop, buffer: ReadBuffer, closingMilliseconds: Int64 = 5000) {
    self.loop = loop
    self.buffer = buffer
    self.closingMilliseconds = closingMilliseconds
    frames.reserveCapacity(4096)
  }

  /// Keeps an eye on a channel until it is closed.
  func isClosing(_ channel: WebSocketChannel) {
    closing[ObjectIdentifier(channel)] = channel
    guard !isSweeping else { return }
    isSweeping = true
    loop.schedule(afterMilliseconds: closingMilliseconds) { self.sweep() }
  }

  func isClosed(_ channel: WebSocketChannel) { closing[ObjectIdentifier(channel)] = nil }

  /// Lets go of those that have had between one and two terms.
  private func sweep() {
    isSweeping = false
    for channel in Array(closing.values) { channel.timeOut() }
    guard !closing.isEmpty else { return }
    isSweeping = true
    loop.schedule(afterMilliseconds: closingMilliseconds) { self.sweep() }
  }

  /// Closes those that are still closing, without waiting for their answers.
  func close() {
    for channel in Array(closing.values) { channel.drop() }
  }
}
