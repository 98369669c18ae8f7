/// Frames that come in parts.
struct PartAssembly {
  struct Part {
    let id: [UInt8]
    let index: Int64
    let count: Int64
    let data: [UInt8]
  }

  struct Result: Equatable {
    /// The frame, if this was its last part.
    var joined: [UInt8]?
    /// Why a frame, or this part of it, was dropped.
    var dropped: String?
  }

  private struct PartialFrame {
    let id: [UInt8]
    let count: Int64
    var next: Int64
    var data: [UInt8]
    /// Of the part that came last.
    var lastBytes: Int
  }

  /// How many frames may be on their way at the same time: a live one, and the answers to some hellos.
  private static let maximumFrames = 8

  private var frames: [PartialFrame] = []
  /// Of the frame that was joined last.
  private var finished: [UInt8]?

  /// Parts come in order. One that comes a second time right after the first, as a server sends it that did not hear of
  /// its success, is passed over.
  mutating func append(_ part: Part, maximumBytes: Int) -> Result {
    guard let slot = frames.firstIndex(where: { $0.id == part.id }) else {
      return begin(part, maximumBytes: maximumBytes)
    }
    if part.index == 0, frames[slot].next > 1 {
      // The server broke off and sends it from its beginning.
      frames.remove(at: slot)
      return begin(part, maximumBytes: maximumBytes)
    }
    let frame = frames[slot]
    guard part.count == frame.count else {
      return drop(slot, reason: "the count of its parts changed from \(frame.count) to \(part.count)")
    }
    if part.index == frame.next - 1, frame.data.suffix(frame.lastBytes).elementsEqual(part.data) { return Result() }
    guard part.index == frame.next else {
      return drop(slot, reason: "part \(part.index) came where \(frame.next) was due")
    }
    return append(part, at: slot, maximumBytes: maximumBytes)
  }

  private mutating func begin(_ part: Part, maximumBytes: Int) -> Result {
    guard part.index == 0 else {
      let isRepeated = part.id == finished && part.index == part.count - 1
      return Result(dropped: isRepeated ? nil : "its beginning is not here")
    }
    let oldest =
      frames.count == Self.maximumFrames ? drop(0, reason: "too many others came between its parts") : Result()
    frames.append(PartialFrame(id: part.id, count: part.count, next: 0, data: [], lastBytes: 0))
    var result = append(part, at: frames.count - 1, maximumBytes: maximumBytes)
    result.dropped = result.dropped ?? oldest.dropped
    return result
  }

  private mutating func append(_ part: Part, at slot: Int, maximumBytes: Int) -> Result {
    guard frames.reduce(part.data.count, { $0 + $1.data.count }) <= maximumBytes else {
      return drop(slot, reason: "it is larger than \(maximumBytes) bytes")
    }
    frames[slot].data += part.data
    frames[slot].lastBytes = part.data.count
    frames[slot].next += 1
    guard frames[slot].next == part.count else { return Result() }
    finished = part.id
    return Result(joined: frames.remove(at: slot).data)
  }

  private mutating func drop(_ slot: Int, reason: String) -> Result {
    frames.remove(at: slot)
    return Result(dropped: reason)
  }
}
