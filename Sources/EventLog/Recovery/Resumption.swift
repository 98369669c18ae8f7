import Frames
import Messaging

/// Where a client goes on in a stream.
///
/// For example, in a stream whose log has the epoch `e1` and holds events 1 to 9:
///
///     the client's cursor says   it has seen   it goes on
///     what cannot be read        –             lost (unknown): the state, and how much it missed is not known
///     4 of e1                    –             after 4
///     4 of e1                    6             after 6: it got 5 and 6 since that cursor
///     12 of e1                   –             lost (epoch): it is ahead of the log
///     0, before there was a log  –             after 0: the log was begun since
///     4 of e0                    –             lost (epoch): 4 of another log says nothing of this one
///     nothing of the stream      6             after 6: a hello that was not answered to its end told it
///     nothing of the stream      12            lost (epoch)
///     nothing of the stream      –             new: the state alone
///
/// Where the stream has no log, a client that has seen an event of it, or has been in another log, is lost (epoch); one that
/// came before there was a log has everything; any other is new. `Docs/protocol.md`.
enum Resumption: Equatable {
  /// It does not follow the stream yet.
  case new
  /// It has the events up to this one.
  case after(Int64)
  /// What it has cannot be told from what the log holds.
  case lost(Recovery.Reason)
}

extension Resumption {
  /// What a client's cursor says, before one stream is asked about.
  enum Presented {
    case nothing
    case unreadable
    /// `namesOthers`: it tells of a log that none of the client's streams has now.
    case cursor(Cursor, namesOthers: Bool)
  }

  /// What a client states of one stream, by its cursor alone.
  private enum Statement {
    case unreadable
    /// It was in the stream's log, up to there.
    case here(Int64)
    /// It followed the stream before that had a log.
    case beforeTheLog
    /// It was in a log that none of its streams has now, perhaps an earlier one of this stream.
    case elsewhere
    case nothing

    init(_ presented: Presented, stream: String, epoch: String?) {
      switch presented {
      case .nothing: self = .nothing
      case .unreadable: self = .unreadable
      case .cursor(let cursor, let namesOthers):
        if let sequence = epoch.flatMap({ cursor.sequence(of: stream, epoch: $0) }) {
          self = .here(sequence)
        } else if let sequence = cursor.sequence(of: stream, epoch: "") {
          self = sequence == 0 ? .beforeTheLog : .here(sequence)
        } else {
          self = namesOthers ? .elsewhere : .nothing
        }
      }
    }
  }

  /// `seen`: the newest event of the stream that the client got since its cursor; 0: it was told that there is none.
  init(stream: String, head: LogHead?, presented: Presented, seen: Int64?) {
    let statement = Statement(presented, stream: stream, epoch: head?.epoch)
    guard let head else {
      self.init(withoutLog: statement, seen: seen)
      return
    }
    self.init(statement, seen: seen, last: head.last)
  }

  private init(_ statement: Statement, seen: Int64?, last: Int64) {
    switch (statement, seen) {
    case (.unreadable, _): self = .lost(.unknown)
    case (.here(let sequence), _) where sequence > last: self = .lost(.epoch)
    case (.here(let sequence), let seen?) where seen <= last: self = .after(max(sequence, seen))
    case (.here(let sequence), _): self = .after(sequence)
    case (.beforeTheLog, let seen?) where seen <= last: self = .after(seen)
    case (.beforeTheLog, _): self = .after(0)
    case (_, 0): self = .after(0)
    case (.elsewhere, _): self = .lost(.epoch)
    case (.nothing, let seen?): self = seen > last ? .lost(.epoch) : .after(seen)
    case (.nothing, nil): self = .new
    }
  }

  /// How much is missed of a log that was forgotten is not known.
  private init(withoutLog statement: Statement, seen: Int64?) {
    switch (statement, seen) {
    case (.unreadable, _): self = .lost(.unknown)
    case (_, let seen?) where seen > 0: self = .lost(.epoch)
    case (.here, _), (.beforeTheLog, _), (_, 0): self = .after(0)
    case (.elsewhere, _): self = .lost(.epoch)
    case (.nothing, _): self = .new
    }
  }
}
