import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("the lease and the checkpoint of a stream")
struct CheckpointsTests {
  let clock = SettableClock()
  let table: MemoryTable

  init() { table = MemoryTable(clock: clock.clock) }

  private func checkpoints(_ table: (any Table)? = nil) -> Checkpoints {
    Checkpoints(table: table ?? self.table, clock: clock.clock)
  }

  @Test("one holder at a time; the lease ends when it is given up, and by itself after ten seconds")
  func oneHolder() throws {
    var first = try #require(try checkpoints().acquire(stream: "all/a"))
    #expect(try checkpoints().acquire(stream: "all/a") == nil)
    #expect(try checkpoints().acquire(stream: "all/b") != nil)
    #expect(try checkpoints().read(stream: "all/a")?.isLeased == true)
    #expect(try checkpoints().write(&first, releasing: true))
    #expect(try checkpoints().read(stream: "all/a")?.isLeased == false)
    #expect(try checkpoints().acquire(stream: "all/a") != nil)
    clock.advance(milliseconds: 10_001)
    #expect(try checkpoints().acquire(stream: "all/a") != nil)
  }

  @Test("a lease from a clock that was ahead does not last until that time comes", arguments: [60, 3_600, 86_400])
  func clockSetBack(seconds: Int64) throws {
    _ = try #require(try checkpoints().acquire(stream: "all/a"))
    clock.advance(seconds: -seconds)
    #expect(try checkpoints().read(stream: "all/a")?.isLeased == false)
    let second = try #require(try checkpoints().acquire(stream: "all/a"))
    // The new one is as good as any.
    #expect(try checkpoints().acquire(stream: "all/a") == nil)
    var again = second
    #expect(try checkpoints().write(&again))
    clock.advance(seconds: 9)
    #expect(try checkpoints().acquire(stream: "all/a") == nil && checkpoints().read(stream: "all/a")?.isLeased == true)
  }

  @Test("what a holder wrote is what the next one starts from")
  func handedOver() throws {
    var first = try #require(try checkpoints().acquire(stream: "all/a"))
    #expect(first.deliveredThrough == 0)
    first.follow("1-a")
    first.advance(through: 7)
    first.roundAtMilliseconds = 99
    first.interruptedRound = InterruptedRound(end: 9, position: ListenerPosition(shard: 2, after: "abc="))
    #expect(try checkpoints().write(&first, releasing: true))
    var second = try #require(try checkpoints().acquire(stream: "all/a"))
    #expect(second.epoch == "1-a" && second.deliveredThrough == 7 && second.roundAtMilliseconds == 99)
    #expect(second.interruptedRound == InterruptedRound(end: 9, position: ListenerPosition(shard: 2, after: "abc=")))
    second.advance(through: 9)
    #expect(try checkpoints().write(&second, releasing: true))
    #expect(try checkpoints().acquire(stream: "all/a")?.interruptedRound == nil)
  }

  @Test("a log that was made anew is sent from its beginning")
  func newEpoch() throws {
    var lease = try #require(try checkpoints().acquire(stream: "all/a"))
    lease.follow("1-a")
    lease.advance(through: 7)
    lease.follow("1-a")
    #expect(lease.deliveredThrough == 7)
    lease.follow("2-b")
    #expect(lease.deliveredThrough == 0)
  }

  @Test("a holder that lost its lease writes nothing more")
  func lost() throws {
    var slow = try #require(try checkpoints().acquire(stream: "all/a"))
    clock.advance(milliseconds: 10_001)
    var next = try #require(try checkpoints().acquire(stream: "all/a"))
    slow.advance(through: 100)
    #expect(try !checkpoints().write(&slow))
    next.advance(through: 3)
    #expect(try checkpoints().write(&next))
    #expect(try checkpoints().read(stream: "all/a")?.deliveredThrough == 3)
  }

  @Test("a holder that writes keeps its lease")
  func prolonged() throws {
    var lease = try #require(try checkpoints().acquire(stream: "all/a"))
    for _ in 0..<5 {
      clock.advance(seconds: 6)
      #expect(try checkpoints().write(&lease))
      #expect(try checkpoints().acquire(stream: "all/a") == nil)
    }
  }

  @Test("a backend that repeats a write after a lost answer still gives the lease")
  func lostAnswer() throws {
    let table = RepeatingTable(table)
    #expect(try checkpoints(table).acquire(stream: "all/a") != nil)
    #expect(try checkpoints().acquire(stream: "all/a") == nil)
  }
}

@Suite("connections that lag")
struct LagRowsTests {
  let world = World()

  private var rows: LagRows { LagRows(table: world.table, clock: world.clock.clock) }

  @Test("what is recorded is read until it is removed, and only for its stream and epoch")
  func recorded() throws {
    try rows.record([Lag(id: world.id, from: 5)], stream: "all/a", epoch: "1-a")
    #expect(try rows.all(stream: "all/a", epoch: "1-a").map(\.from) == [5])
    #expect(try rows.all(stream: "all/a", epoch: "2-b") == [])
    #expect(try rows.all(stream: "all/b", epoch: "1-a") == [])
    let row = try #require(try rows.row(stream: "all/a", id: world.id))
    try rows.remove(row, lease: lease())
    #expect(try rows.all(stream: "all/a", epoch: "1-a") == [])
  }

  private func lease() throws -> Lease {
    try #require(try Checkpoints(table: world.table, clock: world.clock.clock).acquire(stream: "all/a"))
  }

  @Test("a process that lost the lease removes no row: the next holder left the connection out of a round meanwhile")
  func leaseLost() throws {
    let lost = try lease()
    try rows.record([Lag(id: world.id, from: 5)], stream: "all/a", epoch: "1-a")
    let row = try #require(try rows.row(stream: "all/a", id: world.id))
    world.clock.advance(milliseconds: Checkpoints.leaseMilliseconds + 1)
    let next = try lease()
    try rows.remove(row, lease: lost)
    #expect(try rows.all(stream: "all/a", epoch: "1-a").map(\.from) == [5])
    try rows.remove(row, lease: next)
    #expect(try rows.all(stream: "all/a", epoch: "1-a") == [])
  }

  @Test("a row that was recorded anew is not removed by a process that read the one before")
  func changed() throws {
    try rows.record([Lag(id: world.id, from: 5)], stream: "all/a", epoch: "1-a")
    let old = try #require(try rows.row(stream: "all/a", id: world.id))
    try rows.record([Lag(id: world.id, from: 5)], stream: "all/a", epoch: "1-a")
    try rows.remove(old, lease: lease())
    #expect(try rows.all(stream: "all/a", epoch: "1-a").map(\.from) == [5])
  }

  @Test(
    "what is recorded of a round that began before a pause neither raises its sequence nor brings its turn forward",
    arguments: [1, 20])
  func pausedMeanwhile(count: Int) throws {
    let others = (1..<count).map { Lag(id: ConnectionID("c\($0)=")!, from: 1) }
    let pause = try rows.pause(["all/a"], id: world.id)
    try rows.record([Lag(id: world.id, from: 5)] + others, stream: "all/a", epoch: "1-a")
    let row = try #require(try rows.row(stream: "all/a", id: world.id))
    #expect(row.from == 1)
    #expect(row.dueAtMilliseconds == world.clock.clock.milliseconds() + LagRows.pauseMilliseconds)
    // And its turn comes all the same.
    try rows.resume(pause, id: world.id)
    world.clock.advance(milliseconds: LagRows.pauseMilliseconds)
    #expect(
      try #require(try rows.row(stream: "all/a", id: world.id)).dueAtMilliseconds <= world.clock.clock.milliseconds())
    #expect(try rows.all(stream: "all/a", epoch: "1-a").count == count)
  }

  @Test("a row that was read is replaced, also by a later sequence; one that was written since keeps the earlier")
  func replaced() throws {
    try rows.record([Lag(id: world.id, from: 5)], stream: "all/a", epoch: "1-a")
    let known = try rows.all(stream: "all/a", epoch: "1-a")
    try rows.record([Lag(id: world.id, from: 9)], stream: "all/a", epoch: "1-a", replacing: known)
    #expect(try rows.all(stream: "all/a", epoch: "1-a").map(\.from) == [9])
    try rows.record([Lag(id: world.id, from: 12)], stream: "all/a", epoch: "1-a", replacing: known)
    #expect(try rows.all(stream: "all/a", epoch: "1-a").map(\.from) == [9])
  }

  @Test("a pause that outlived its time has the later events sent again, since the state was shown after them")
  func pausedTooLong() throws {
    let pause = try rows.pause(["all/a"], id: world.id)
    let stored = try #require(try rows.row(stream: "all/a", id: world.id))
    // A sender did not wait any longer.
    try rows.remove(stored, lease: lease())
    try rows.resume(pause, id: world.id)
    let row = try #require(try rows.row(stream: "all/a", id: world.id))
    #expect(row.from == 1 && row.dueAtMilliseconds <= world.clock.clock.milliseconds())
  }

  @Test("many at once are all kept")
  func many() throws {
    let ids = (0..<2_500).map { ConnectionID("c\($0)=")! }
    try rows.record(ids.map { Lag(id: $0, from: 1) }, stream: "all/a", epoch: "1-a")
    #expect(try rows.all(stream: "all/a", epoch: "1-a").count == 2_500)
  }
}

@Suite("streams the sweep looks at")
struct OpenStreamsTests {
  @Test(
    "a stream's row is put once in three minutes, and stands for as long as the log unless nothing is left",
    arguments: [1, 8])
  func rows(shards: Int) throws {
    let world = World()
    var open = ActiveStreams(table: world.table, shards: shards, clock: world.clock.clock)
    for name in ["all/a", "all/b", "user/\u{e9}"] {
      let row = try #require(open.row(stream: name))
      try world.table.put(row, if: .always)
      open.recordPut(stream: name)
    }
    #expect(open.row(stream: "all/a") == nil)
    #expect(open.row(stream: "user/e\u{301}") != nil)
    #expect(try Set(open.all().map(\.stream)) == ["all/a", "all/b", "user/\u{e9}"])
    world.clock.advance(seconds: 180)
    #expect(open.row(stream: "all/a") != nil)
    let before = try open.all()
    try open.renew(stream: "all/b")
    world.clock.advance(seconds: 420)
    // As long as an environment may leave out what it put, nobody takes the row away.
    try open.removeIdle(open.all())
    #expect(try open.all().count == 3)
    world.clock.advance(seconds: 1)
    // Put again since it was read.
    try open.removeIdle(before)
    #expect(try open.all().map(\.stream) == ["all/b"])
    world.clock.advance(seconds: 25 * 60 * 60)
    #expect(try open.all().map(\.stream) == ["all/b"])
  }

  @Test("work is pending while the log holds unsent events, or a connection lags, and no process has the lease")
  func left() throws {
    let world = World()
    let clock = world.clock.clock
    let open = ActiveStreams(table: world.table, clock: clock)
    let checkpoints = Checkpoints(table: world.table, clock: clock)
    let streams = ["all/none", "all/new", "all/sent", "all/held", "all/behind", "all/longago"]
    for stream in streams.dropFirst() {
      var log = StreamLog(table: world.table, clock: clock)
      _ = try log.append([Event(type: "a", data: bytes("1"), id: "1-a", timestamp: "")], to: stream)
      guard stream != "all/new", var lease = try checkpoints.acquire(stream: stream),
        let head = try log.head(stream: stream)
      else { continue }
      lease.follow(head.epoch)
      if stream != "all/held" { lease.advance(through: 1) }
      #expect(try checkpoints.write(&lease, releasing: stream != "all/held"))
      if stream == "all/behind" || stream == "all/longago" {
        let epoch = stream == "all/behind" ? head.epoch : "0-a"
        try LagRows(table: world.table, clock: clock).record(
          [Lag(id: world.id, from: 1)], stream: stream, epoch: epoch)
      }
    }
    #expect(try open.pendingWork(of: streams).map(\.isPending) == [false, true, false, false, true, false])
    world.clock.advance(seconds: 11)
    #expect(try open.pendingWork(of: streams).map(\.isPending) == [false, true, false, true, true, false])
  }
}
