import HTTPClient
import HTTPWire

/// A call on its way, and where its answer is to go.
struct PendingCall {
  let call: Call
  let token: Int
  /// Sent a second time, because the kept connection it was sent on first turned out to be dead.
  var isRepeated = false
  /// Signed and sent a second time, because the first signature was refused for a reason that can be mended.
  var isSignedAgain = false
  /// What it was signed with, and for which second.
  var proof: (signer: CallSigner, secondsSinceEpoch: Int64)?
}

/// One kept connection, with at most one call on it.
final class PooledConnection {
  enum Progress {
    /// Waits for the other side, to read (`isSending`) or to answer.
    case waiting(isSending: Bool)
    /// `isReusable`: the connection can carry the next call.
    case answered(Answer, isReusable: Bool)
    /// The connection ended before any byte of an answer.
    case dead(String)
    /// The connection ended, or became unreadable, inside an answer.
    case garbled(String)
  }

  private static let limits = HTTPReader.Limits(headBytes: 32 << 10, bodyBytes: 64 << 10)

  let number: Int
  let connection: Connection
  private(set) var pending: PendingCall?
  /// When the answer is overdue, on the monotonic clock.
  private(set) var dueMilliseconds: Int64 = 0
  /// Whether it has carried a call before: then a closed connection may only mean that it was idle for too long.
  private(set) var hasServed = false
  private var out: [UInt8] = []
  private var sent = 0
  private var reader = HTTPReader(.responses, limits: PooledConnection.limits)

  init(number: Int, connection: Connection) {
    self.number = number
    self.connection = connection
  }

  /// Sends as much of the call as the socket takes.
  func begin(_ pending: PendingCall, bytes: RequestEncoder, dueMilliseconds: Int64) -> Progress {
    self.pending = pending
    if let signer = bytes.signer { self.pending?.proof = (signer, signer.secondsSinceEpoch) }
    self.dueMilliseconds = dueMilliseconds
    out.removeAll(keepingCapacity: true)
    bytes.append(pending.call, to: &out)
    sent = 0
    return send()
  }

  func send() -> Progress {
    do throws(HTTPClientError) {
      while sent < out.count {
        switch try connection.send(out, from: sent) {
        case .bytes(let count): sent += count
        case .wouldBlock, .closed: return .waiting(isSending: true)
        }
      }
      return .waiting(isSending: false)
    } catch {
      return .dead(error.message)
    }
  }

  /// Reads what has come, through a buffer that the lanes share.
  func receive(_ buffer: inout [UInt8]) -> Progress {
    do throws(HTTPClientError) {
      while true {
        switch try connection.receive(into: &buffer) {
        case .bytes(let count):
          if let progress = consume(buffer, count: count) { return progress }
        case .wouldBlock: return .waiting(isSending: sent < out.count)
        case .closed: return ended("the other side closed the connection")
        }
      }
    } catch {
      return ended(error.message)
    }
  }

  /// The `Date` header of the answer, until the lane is released.
  var date: String? { reader.headers["date"] }

  /// Ready for the next call.
  func release() {
    pending = nil
    hasServed = true
    reader.reset()
    if out.capacity > 64 << 10 { out = [] }
  }

  private func consume(_ buffer: [UInt8], count: Int) -> Progress? {
    var used = 0
    do throws(HTTPWireError) {
      while used < count {
        let read = try reader.read(buffer, range: used..<count)
        used += read.used
        guard read.isComplete else { continue }
        if read.status >= 200 {
          return answer(status: read.status, isReusable: used == count && sent == out.count && read.keepsAlive)
        }
        // An interim answer (100 Continue): the real one follows.
        reader.reset()
      }
      return nil
    } catch {
      return .garbled(error.description)
    }
  }

  private func ended(_ reason: String) -> Progress {
    if reader.isAtStart { return .dead(reason) }
    do throws(HTTPWireError) {
      try reader.finish()
      return answer(status: reader.status, isReusable: false)
    } catch {
      return .garbled(reason)
    }
  }

  private func answer(status: Int, isReusable: Bool) -> Progress {
    // An answer to a post has nothing more to say.
    if status == 200, case .post = pending?.call.verb {
      return .answered(Answer(status: status), isReusable: isReusable)
    }
    let errorType = status >= 400 ? reader.headers["x-amzn-errortype"] : nil
    return .answered(
      Answer(status: status, errorTypeHeader: errorType, body: reader.consumeBody()), isReusable: isReusable)
  }
}
