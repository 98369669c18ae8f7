import Frames
import JSON
import Messaging

// What each frame of the server does.
extension Follower {
  /// What a frame was taken out of.
  enum Wrapping {
    case none
    case gzip
    case parts
  }

  /// Takes one frame; with a fault in it, it is passed over and told.
  mutating func consume(_ frame: [UInt8], outOf wrapping: Wrapping = .none) {
    do throws(FrameFault) {
      guard frame.count <= options.joinedBytes else {
        throw FrameFault(.tooLarge, "a frame of \(frame.count) bytes")
      }
      try consume(members: FrameMembers(frame), frame: frame, wrapping: wrapping)
    } catch {
      report(error)
      if wrapping != .none, error.code == .notJSON { askAgain() }
    }
  }

  mutating func report(_ fault: FrameFault) {
    output.append(.diagnostic(Diagnostic(code: fault.code, message: fault.message)))
  }

  private mutating func consume(
    members: FrameMembers, frame: [UInt8], wrapping: Wrapping
  ) throws(FrameFault) {
    guard let type = try members.string(Member.type) else {
      return try consumeUntyped(members: members, frame: frame)
    }
    switch ControlType(rawValue: type) {
    case .connection: try consumeConnection(members: members, frame: frame)
    case .resume: try consumeResume(members: members, frame: frame)
    case .snapshot: try consumeSnapshot(members: members)
    case .ready: try consumeReady(members: members, frame: frame)
    case .batch: try consumeBatch(members: members)
    case .gzip: try consumeCompressed(members: members, wrapping: wrapping)
    case .part: try consumePart(members: members, wrapping: wrapping)
    case .pong: try consumePong(members: members)
    case .ping: output.append(.send(ClientFrame.pong.bytes))
    case .heartbeat: break
    case .rotate: try rotate(members: members, frame: frame)
    case .error: try consumeError(members: members, frame: frame)
    case .connectionEstablished, .hello, .subscribe, .subscribed, .unsubscribe, .unsubscribed, .status:
      output.append(.notice(frame))
    case nil where type.isEmpty: throw FrameFault(name: Member.type, kind: "the name of a type")
    case nil: try consumeEvent(members: members, bytes: frame, replay: nil)
    }
  }

  /// API Gateway's own answer to a frame that no function took has no type.
  private mutating func consumeUntyped(members: FrameMembers, frame: [UInt8]) throws(FrameFault) {
    guard members.has(Member.message), members.has(Member.connectionID) else {
      throw FrameFault(name: Member.type, kind: "a string")
    }
    output.append(.notice(frame))
  }

  // MARK: Wrappings

  private mutating func consumeCompressed(members: FrameMembers, wrapping: Wrapping) throws(FrameFault) {
    guard wrapping != .gzip else { throw FrameFault(.wrongShape, "a gzip frame inside a gzip frame") }
    guard let compressed = Base64.decode(try members.requiredString(Member.data).utf8),
      let frame = Gzip.decompress(compressed, maximumBytes: options.joinedBytes)
    else {
      report(FrameFault(.badGzip, "'data' is not base64 of gzip of at most \(options.joinedBytes) bytes"))
      return askAgain()
    }
    consume(frame, outOf: .gzip)
  }

  private mutating func consumePart(members: FrameMembers, wrapping: Wrapping) throws(FrameFault) {
    guard wrapping == .none else { throw FrameFault(.wrongShape, "a part inside another frame") }
    let part = PartAssembly.Part(
      id: Array(try members.requiredString(Member.id).utf8), index: try members.requiredNumber(Member.index),
      count: try members.requiredNumber(Member.partCount), data: Array(try members.requiredString(Member.data).utf8))
    guard (1...128).contains(part.id.count), part.index < part.count else {
      throw FrameFault(.wrongShape, "part \(part.index) of \(part.count)")
    }
    let result = line.parts.append(part, maximumBytes: options.joinedBytes)
    if let reason = result.dropped {
      report(FrameFault(.partDropped, "a frame in parts was dropped: \(reason)"))
      askAgain()
    }
    if let frame = result.joined { consume(frame, outOf: .parts) }
  }

  /// Nobody knows what the frame held; a later event would hide that it is missing, so the server is asked from here.
  /// Once only: a frame that cannot be read would come again and again. What is lost then is reported as a gap.
  private mutating func askAgain() {
    guard options.saysHello else { return }
    guard phase == .live || !line.hasAskedForLost else {
      line.isLossy = true
      return
    }
    line.hasAskedForLost = true
    sayHelloAgain()
  }

  /// The cursor of a batch names one stream only, so it is no place for the next hello; the events' own numbers are.
  private mutating func consumeBatch(members: FrameMembers) throws(FrameFault) {
    let replay = try members.number(Member.replay)
    for event in try members.requiredElements(Member.events) {
      do throws(FrameFault) {
        try consumeEvent(members: FrameMembers(event), bytes: event, replay: replay)
      } catch {
        report(error)
      }
      // Too many held events may have ended the connection.
      guard isConnected else { return }
    }
  }

  // MARK: Connection

  private mutating func consumePong(members: FrameMembers) throws(FrameFault) {
    let cursor = try wholeCursor(members: members, name: Member.cursor)
    if let count = try members.number(Member.count), count != pings { return }
    line.pongDue = nil
    // It speaks of what was followed when the ping was sent; and what is held was delivered, but not shown.
    if phase == .live, line.hellosAtPing == hellos, let cursor { self.cursor = cursor }
  }

  /// The connection is to be left within a time, at a moment of this client's own, so that not all come at once.
  private mutating func rotate(members: FrameMembers, frame: [UInt8]) throws(FrameFault) {
    let window = try members.number("withinMilliseconds") ?? options.rotateMilliseconds
    output.append(.notice(frame))
    guard line.rotation == nil else { return }
    line.rotation = now + drawn(upTo: min(window, 3_600_000))
  }

  private mutating func consumeError(members: FrameMembers, frame: [UInt8]) throws(FrameFault) {
    let code = try members.string(Member.code)
    output.append(.notice(frame))
    switch code {
    case "expired":
      output.append(.close(.expired))
      stop(.expired)
    case "limit": line.isOverLimit = true
    default: break
    }
  }

  /// A cursor is a word of at most 1 KB.
  func wholeCursor(members: FrameMembers, name: String) throws(FrameFault) -> String? {
    guard let cursor = try members.string(name) else { return nil }
    guard (1...1024).contains(cursor.utf8.count) else { throw FrameFault(name: name, kind: "a cursor") }
    return cursor
  }
}
