#!/usr/bin/env python3
"""Removes one mechanism after the other and runs the test that Docs/proof.md names for it, the model check, the tests of the rooms.

    scripts/remove-mechanisms.py [--schedules 4000] [NAME …]

Works in the tree it stands in and puts every file back, so use a checkout of its own. A removal that nothing misses is printed
as SURVIVED, and the exit code is 1.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# name: (file, what stands there, what is put in its place)
REMOVALS = {
    "the lease: any process sends": (
        "Sources/EventLog/Checkpoints/Checkpoints.swift",
        "let free = Self.term.isFree(at: now)", "let free = Condition.always"),
    "the checkpoint is written whoever has the lease": (
        "Sources/EventLog/Checkpoints/Checkpoints.swift",
        "CheckpointRow.key(stream: lease.stream), change: change, if: LeaseTerm.hasHolder(lease.holder))",
        "CheckpointRow.key(stream: lease.stream), change: change, if: .always)"),
    "lag rows are not written": (
        "Sources/EventLog/Checkpoints/LagRows.swift", "    guard !lags.isEmpty else { return }\n    let known",
        "    guard lags.isEmpty else { return }\n    let known"),
    "a connection that lags gets live frames too": (
        "Sources/Delivery/Stream/RoundDelivery.swift",
        "for recipient in page where !lagging.contains(recipient.id) {",
        "for recipient in page where !lagging.contains(recipient.id) || recipient.matches.count >= 0 {"),
    "a lag row is removed whatever it says by now": (
        "Sources/EventLog/Checkpoints/LagRows.swift", "if: LagRow.isWritten(by: $0.writer)", "if: .always"),
    "what a lost frame stood for is forgotten": (
        "Sources/Delivery/Stream/FrameCache.swift", "firstSequence: placement.first,", "firstSequence: placement.sequence,"),
    "a later frame stands for nothing before it": (
        "Sources/Frames/FramePacking.swift", "min(events[index].firstSequence, events[index + 1].firstSequence)",
        "min(events[index].firstSequence, .max)"),
    "events are conflated across frames": (
        "Sources/Frames/FramePacking.swift", "package static let groupBytes = unitBytes - 1024",
        "package static let groupBytes = 1 << 30"),
    "the checkpoint moves before the lag rows are written": (
        "Sources/Delivery/Stream/StreamProgress.swift", "    try rows.lagging.record(result.lags,",
        "    lease.advance(through: plan.end)\n    _ = try rows.checkpoints.write(&lease)\n"
        "    try rows.lagging.record(result.lags,"),
    "the head is not looked at after the release": (
        "Sources/Delivery/Stream/StreamProgress.swift",
        "if try !isOneReady(since: reading), try isHead(of: reading) { return false }",
        "if try !isOneReady(since: reading), reading.head.last >= 0 { return false }"),
    "no sweep": (
        "Sources/Publisher/Publish.swift", "compactMap { $1.isPending ? $0.stream : nil }",
        "compactMap { $1.isPending && $0.stream.isEmpty ? $0.stream : nil }"),
    "delivery is paused after the listener rows are written": (
        "Sources/DefaultHandler/Receive+Subscribe.swift",
        "    let pauses = try lagRows.pause(streams, id: record.id)\n    let answer: Answer\n    do {\n"
        "      answer = try body(!pauses.isEmpty)\n",
        "    var pauses: [DeliveryPause] = []\n    let answer: Answer\n    do {\n      answer = try body(!streams.isEmpty)\n"
        "      pauses = try lagRows.pause(streams, id: record.id)\n"),
    "lag rows are not read again for a connection that subscribed just now": (
        "Sources/Delivery/Stream/RoundDelivery.swift",
        "guard page.contains(where: { $0.pausedUntilMilliseconds ?? 0 > now && !known.contains($0.id) }) else {",
        "guard page.contains(where: { $0.pausedUntilMilliseconds ?? 0 > now && $0.pausedUntilMilliseconds == 0 }) else {"),
    "what is recorded of a round undoes a pause made meanwhile": (
        "Sources/EventLog/Checkpoints/LagRows.swift", "LagRow.isWritten(by: $0.writer) } ?? .absent",
        "LagRow.isWritten(by: $0.writer) } ?? .always"),
    "what came before a late state is not sent again": (
        "Sources/EventLog/Checkpoints/DeliveryPause.swift",
        "_ = try self.pause(stream: pause.stream, id: id, epoch: pause.epoch, through: pause.through, forMilliseconds: 0)", "continue"),
    "sending pending events does not wait for the lease": (
        "Sources/Delivery/Stream/StreamSender.swift", "guard report.isLeaseTaken, clock.milliseconds() < until else",
        "guard report.isLeaseTaken, clock.milliseconds() < min(until, 0) else"),
    "pages that were not read count as sent": (
        "Sources/Delivery/Stream/RoundDelivery.swift", "if !counts.isEveryPageRead, result.isComplete {",
        "if !counts.isEveryPageRead, counts.isEveryPageRead, result.isComplete {"),
    "the sweep forgets a stream as soon as nothing is left": (
        "Sources/EventLog/Checkpoints/ActiveStreams.swift", "where row.at < clock.seconds - Self.watchedSeconds {",
        "where row.at <= clock.seconds {"),
    "the lease is not kept within a page": (
        "Sources/Delivery/Stream/RoundDelivery.swift",
        "      return try keepsLease()\n", "      return try plan.stopAt > .min ? true : keepsLease()\n"),
    "a trimmed state lacks what was not sent": (
        "Sources/EventLog/Recovery/RecoveryReader+State.swift",
        "replay.isTrimmed ? try unsent(record: record, stream: stream, head: head, through: replay.base) : [:]",
        "replay.isTrimmed && replay.base < 0 ? try unsent(record: record, stream: stream, head: head, through: replay.base) : [:]"),
    "idempotency keys are not claimed": (
        "Sources/EventLog/Log/StreamLog+Append.swift", "guard let claim = entry.claim else { continue }\n      writes",
        "guard let claim = entry.claim, claim.name.isEmpty else { continue }\n      writes"),
    "the head moves unseen": (
        "Sources/EventLog/Rows/LogHeadRow.swift",
        ".all([.equals(Attribute.epoch, .string(head.epoch)), .equals(Attribute.next, .number(head.next))])",
        ".equals(Attribute.epoch, .string(head.epoch))"),
    "the state of a user is not written with its event": (
        "Sources/EventLog/Log/StreamLog+Append.swift", "if let states = attempt.states { writes +=",
        "if let states = attempt.states, head == nil { writes +="),
    "a state is read before the head of its log": (
        "Sources/EventLog/Recovery/RecoveryReader+UserState.swift",
        "    let head = try streamLog.head(stream: stream)\n"
        "    let values = try values(StateRow.query(stream: stream, type: rule.type), audience: audience)\n",
        "    let values = try values(StateRow.query(stream: stream, type: rule.type), audience: audience)\n"
        "    let head = try streamLog.head(stream: stream)\n"),
    "a lost answer of an append is taken for a failure": (
        "Sources/EventLog/Log/StreamLog+Append.swift", "case .unavailable where incomplete.count < 2: incomplete.append(attempt)",
        "case .unavailable where incomplete.count < 2:\n          incomplete.append(attempt)\n          incomplete.removeAll()"),
    "the lag sender ends the lag itself": (
        "Sources/Delivery/Lagging/LagDelivery+Outcomes.swift", "        if outcome.pace == .ready { hasReady = true }\n",
        "        if outcome.pace == .ready, let now = try streamSender.rows.lagging.row(stream: stream, id: row.id) {\n"
        "          try streamSender.rows.lagging.remove([now], stream: stream)\n        }\n"),
    "how far a stream was delivered is read after the lag rows": (
        "Sources/Delivery/Lagging/LagDelivery.swift",
        "    return LagReading(epoch: checkpoint.epoch, deliveredThrough: checkpoint.deliveredThrough, rows: rows)",
        "    let later = try streamSender.rows.checkpoints.read(stream: stream) ?? checkpoint\n"
        "    return LagReading(epoch: later.epoch, deliveredThrough: later.deliveredThrough, rows: rows)"),
    "slow connections are served in rounds": (
        "Sources/Delivery/Stream/RoundPlan.swift", "waiting = rows.filter { !$0.isSlow }",
        "waiting = rows.filter { !$0.isSlow || $0.from > 0 }"),
    "no lease for lag senders": (
        "Sources/EventLog/Checkpoints/LagLeases.swift",
        "let free = Self.term.isFree(at: now)", "let free = Condition.always"),
    "what is withheld is forgotten": (
        "Sources/Delivery/Stream/RoundDelivery.swift", "    result.lags += withheld.values\n", ""),
    "a lag sender does not wait for the round that withheld": (
        "Sources/Delivery/Lagging/LagDelivery.swift", "max(row.from, row.withheld?.through ?? 0) <= deliveredThrough",
        "row.from <= deliveredThrough"),
    "what is withheld is taken from the newest log each time": (
        "Sources/Delivery/Stream/WithheldFrames.swift", "      through: through, after: count", "      through: 0, after: count"),
    "one frame of several streams is lacking in the first of them only": (
        "Sources/Delivery/Stream/JointDelivery.swift", "where portion.end > failure.after {",
        "where portion.end > failure.after && portion.round == 0 {"),
    "the stream of a new connection's user is not paused": (
        "Sources/ConnectHandler/Connect.swift", "isPaused: try pauses(record))", "isPaused: false)"),
    "what a lag sender posted beside a pause is not sent again": (
        "Sources/Delivery/Lagging/LagDelivery+Outcomes.swift", "} else if mayHaveArrived(row) {",
        "} else if mayHaveArrived(row), counts.gone < 0 {"),
    "hello reads the log before it writes the listener rows": (
        "Sources/DefaultHandler/Receive+Hello.swift",
        "    var refused: [SubscriptionRequest.Refusal] = []\n    // The count",
        "    var refused: [SubscriptionRequest.Refusal] = []\n"
        "    if let early = try connections.connection(id: context.connectionID) {\n"
        "      var wanted = early\n"
        "      _ = wanted.subscriptions.apply(\n"
        "        SubscriptionChange(\n"
        "          add: hello.subscriptions.resolved(for: early.principal, types: types).accepted, order: Self.order(nil, context: context)))\n"
        "      wanted.accept(hello.accepts)\n"
        "      let found = try recovery.recover(\n"
        "        record: wanted, cursor: hello.cursor, seen: hello.seen, limits: RecoveryLimits(for: hello.accepts, limits: limits))\n"
        "      var frames = [early.connectionFrame(refused: [], replay: hello.replay, milliseconds: 0)]\n"
        "      if hello.cursor != nil || !hello.seen.isEmpty { frames.append(ServerFrame.resume(found.outcome, replay: hello.replay)) }\n"
        "      for part in found.parts { frames += recovery.frames(of: part, record: wanted, replay: hello.replay) }\n"
        "      frames.append(ServerFrame.ready(replay: hello.replay, cursor: found.cursor))\n"
        "      _ = try post(frames, destination: Destination(context: context), invocation: invocation)\n"
        "      _ = try change(context: context, accepting: hello.accepts, log: log) { record in\n"
        "        SubscriptionChange(\n"
        "          add: hello.subscriptions.resolved(for: record.principal, types: types).accepted, order: Self.order(nil, context: context))\n"
        "      }\n"
        "      return nil\n"
        "    }\n    // The count"),
    "an older count of the connections replaces a newer one": (
        "Sources/Connections/Rows/TotalsRow.swift",
        ".any([.absent, .less(Attribute.at, .number(milliseconds))])", ".any([.always, .less(Attribute.at, .number(milliseconds))])"),
    "a disconnect is told by each who sees it": (
        "Sources/Connections/Rows/ConnectionRow.swift",
        "item.number(Attribute.gone) == 1 }", "item.number(Attribute.gone) ?? 0 > 0 }"),
    "a pong tells of what was not delivered": (
        "Sources/EventLog/Recovery/RecoveryReader+Positions.swift", "sequence = min(sequence, row.from - 1)",
        "sequence = max(sequence, row.from - 1)"),
    "the client shows live events before ready": (
        "Sources/StreamClient/Follower+Answers.swift", "} else if phase == .asking, let event {\n      return buffer(event)",
        "} else if phase == .stopped, let event {\n      return buffer(event)"),
    "the client shows what it has again": (
        "Sources/StreamClient/Follower+Answers.swift", "    case .known: return\n", "    case .known: break\n"),
    "the client takes answers to older hellos": (
        "Sources/StreamClient/Follower+Answers.swift", "guard replay == hellos, phase == .asking else { return .past }",
        "guard replay == hellos, phase == .asking else { return .current }"),
    "the client does not say what it has seen": (
        "Sources/StreamClient/Follower.swift", "cursor: cursor, seen: positions.seen, accepts", "cursor: cursor, seen: [:], accepts"),
    "what joint rounds did not hand on counts as sent": (
        "Sources/Delivery/Stream/JointDelivery.swift",
        "    for round in rounds.indices { rounds[round].giveUp(read[round]) }\n", ""),
    "other listings of a gone connection are forgotten": (
        "Sources/Delivery/Fanout/FanoutState+Failures.swift",
        "    for delivery in one.later { passOver(delivery) }\n", ""),
    "every role may see everything": (
        "Sources/Connections/EventTypes/EventTypeTable.swift", "if seeEverything.contains(set) {",
        "if seeEverything.contains(set) || !set.isEmpty {"),
    "what is announced reaches only who asked for it": (
        "Sources/Connections/Topic.swift", "case .everyone where event.type.hasSameBytes(as: Event.announcement):",
        "case .everyone where event.type.isEmpty:"),
    "what was asked for does not stand in the user's row": (
        "Sources/Connections/Rows/ListenerRow.swift", "    if let asked = filter.asked {",
        "    if let asked = filter.asked, asked.isEmpty, !asked.isEmpty {"),
    "what never leaves is written": (
        "Sources/Connections/EventTypes/EventTypeTable+Publishing.swift",
        "    event.data = EventData.withholding(type.omitted, redacting: type.redacted, from: event.data)\n", ""),
    "every type is conflated": (
        "Sources/Delivery/Stream/PlacedEvent.swift", "conflates(event.type) && !event.isUrgent", "!event.isUrgent"),
    "a batch that is full waits as well": (
        "Sources/Delivery/Stream/TimedBatches.swift", "guard batch.count == rule.events || due", "guard batch.count > rule.events || due"),
    "a batch holds however many there are": (
        "Sources/Delivery/Stream/TimedBatches.swift",
        "      let batch = left.prefix(rule.events)\n      left = left.dropFirst(rule.events)\n",
        "      let batch = left\n      left = []\n"),
    "what waits for a user never lapses": (
        "Sources/EventLog/Recovery/RecoveryReader+Waiting.swift", ".max < budget.lapsedMilliseconds",
        ".max < min(0, budget.lapsedMilliseconds)"),
    "a user who left a moment ago counts as there": (
        "Sources/Delivery/Stream/StreamSender+Waiting.swift", "allSatisfy { $0 == nil } ?? false", "isEmpty ?? false"),
    "what one round left to the next one stays unsent": (
        "Sources/Delivery/Stream/StreamSender+Report.swift", "    for row in result.served { settle(row.id, unsent: nil) }\n", ""),
    "lag senders may run in every environment": (
        "Sources/LocalGateway/Functions/FunctionPool+Background.swift", "max(1, limits.maximumEnvironments * limits.slots / 2)",
        "max(1, limits.maximumEnvironments * limits.slots)"),
    "a window counts from each round's beginning": (
        "Sources/Delivery/Stream/RoundWindow.swift", "min(now, max(last + milliseconds, now - milliseconds / 2))", "now"),
    # Streams over HTTP.
    "an id says where its whole write ends": (
        "Sources/StreamHandler/Streams/EventStream+Events.swift",
        "      places[event.place].set(in: &cursor, to: event.logged.sequence)\n      append(event, cursor: cursor, to: &bytes)\n"
        "      places[event.place].advance",
        "      let through = pages.last { $0.place == event.place }?.through ?? event.logged.sequence\n"
        "      places[event.place].set(in: &cursor, to: through)\n      append(event, cursor: cursor, to: &bytes)\n"
        "      places[event.place].advance"),
    "the closing frame has no id": (
        "Sources/StreamHandler/Streams/EventStream.swift",
        "      id: id(event: lastEventID, cursor: cursor),\n      retryMilliseconds: sources.jittered",
        "      id: nil,\n      retryMilliseconds: sources.jittered"),
    "an event stream goes on where others are, not where its state ends": (
        "Sources/StreamHandler/ServeStreams+Opening.swift", "sequence: part.head?.last ?? 0)",
        "sequence: min(part.head?.last ?? 0, sources.follower.follow(part.stream, head: nil).head?.last ?? 0))"),
    "the connection's id is no place to come back to": (
        "Sources/StreamHandler/Streams/StreamOpening.swift", "recovery.from ?? place.text", "Cursor().text"),
    "what was read of the log is kept twice": (
        "Sources/EventLog/Following/FollowedStream.swift", "read.drop { $0.sequence <= newest }",
        "read.drop { $0.sequence <= min(newest, 0) }"),
    "an event stream lasts as long as its invocation": (
        "Sources/StreamHandler/Streams/EventStream.swift",
        "if wall >= deadlineMilliseconds - StreamSettings.marginMilliseconds {", "if wall >= deadlineMilliseconds {"),
    "slices end together": (
        "Sources/StreamHandler/Streams/EventStream.swift",
        "Int64(sources.randomness.integer(in: 0...Int(sources.settings.sliceSeconds * 100)))",
        "0 * sources.settings.sliceSeconds"),
    "FRAMES_PER_SECOND is not asked by event streams": (
        "Sources/StreamHandler/Streams/EventStream+Events.swift", "guard sources.limits.framesPerSecond > 0 else {",
        "guard sources.limits.framesPerSecond > 1_000_000 else {"),
    "event streams conflate nothing": (
        "Sources/StreamHandler/Streams/EventStream+Events.swift", "$0.priority == .high || !types.conflates($0.type)",
        "$0.priority == .high || !types.conflates($0.type) || !$0.type.isEmpty"),
    "ids of a ticket's stream are not stamped": (
        "Sources/StreamHandler/Streams/EventStream.swift", "return stamp?.stamped(id) ?? id", "return stamp == nil ? id : id"),
    "a ticket opens again without an id": (
        "Sources/Access/Tickets/Tickets.swift", "guard let lastEventID else { return .used }",
        "guard let lastEventID else { return nil }"),
    "any id opens a ticket's stream again": (
        "Sources/Access/Tickets/Tickets.swift", "stamp.isStamped(lastEventID) ? nil : .foreignID",
        "stamp.isStamped(lastEventID) ? nil : nil"),
    "event streams do not count with WebSockets": (
        "Sources/Connections/UserLimit.swift", "streams.streams(of: user).map(", "streams.streams(of: user).prefix(0).map("),
    "event streams of dead functions stay": (
        "Sources/Connections/Streams/EventStreams+Sweep.swift",
        "<= now - Self.restMilliseconds {", "<= now - Self.restMilliseconds - (1 << 50) {"),
    "gzip keeps back what was written": (
        "Sources/Frames/ServerSentEvents/GzipStream.swift", "flush: Z_SYNC_FLUSH)", "flush: Z_NO_FLUSH)"),
    "a reader that has gone is taken for an end": (
        "Sources/Runtime/Streaming/StreamingLoop+Connections.swift",
        "    case .answering:\n      close(slot, reason: .gone)", "    case .answering:\n      close(slot, reason: .ended)"),
    "a late error says nothing": (
        "Sources/Runtime/Streaming/StreamingLoop+Answers.swift",
        "complete(slot, trailers: RuntimeMessages.trailers(of: failure))", "complete(slot, trailers: [])"),
    "one failed answer ends all": (
        "Sources/Runtime/Streaming/StreamingLoop+Answers.swift",
        "writer: slot.writer)\n    } catch {\n      return try fail(slot, Failure(error))\n    }\n"
        "    if let fault = slot.writer.fault { return try fail(slot, Failure(fault)) }\n    if step",
        "writer: slot.writer)\n    } catch {\n      for one in slots where one.answer != nil { try fail(one, Failure(error)) }\n"
        "      return\n    }\n"
        "    if let fault = slot.writer.fault { return try fail(slot, Failure(fault)) }\n    if step"),
}


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


ROOMS = "HandlerTests|ConnectionsTests|EventLogTests|DeliveryTests|FramesTests|StreamClientTests"


def named_tests():
    """Of each removal the tests whose title Docs/proof.md gives, as a filter takes them."""
    tests = {}
    for path in (ROOT / "Tests").rglob("*.swift"):
        for title, name in re.findall(r'@Test\(\s*"((?:[^"\\]|\\.)*)".*?\bfunc (\w+)\(', path.read_text(), re.S):
            tests.setdefault(title, []).append(rf"{path.relative_to(ROOT).parts[1]}\..*/{name}\(")
    rows = re.findall(r'^\| (.+?) \| "(.+?)" \|$', (ROOT / "Docs/proof.md").read_text(), re.M)
    return {name: "|".join(tests[title]) for name, title in rows if title in tests}


def judge(schedules, named):
    """What misses the mechanism: the test that is known to, a seed of the model and what it says, or any test; None if nothing does."""
    environment = dict(os.environ, MODEL_SCHEDULES=str(schedules))
    for suites in [*([named] if named else []), "ModelTests", ROOMS]:
        try:
            done = run(["swift", "test", "--skip-build", "--filter", suites], env=environment, timeout=1500)
        except subprocess.TimeoutExpired:
            return "it did not come to an end"
        if done.returncode == 0:
            continue
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        found = re.search(r"MODEL_SEED=(\d+) MODEL_SCHEDULES=1: (.*)", output)
        if found:
            return f"seed {found[1]}: {found[2][:160]}"
        test = re.search(r'✘ Test "(.*?)" ', output)
        return f'"{test[1]}"' if test else f"the run broke off: {output[-200:]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only those whose name holds one of these words")
    parser.add_argument("--schedules", type=int, default=4_000)
    options = parser.parse_args()
    survived, named = [], named_tests()
    for name, (file, old, new) in REMOVALS.items():
        if options.names and not any(word in name for word in options.names):
            continue
        path = ROOT / file
        text = path.read_text()
        if text.count(old) != 1:
            sys.exit(f"{file} does not hold what '{name}' removes, or more than once")
        try:
            path.write_text(text.replace(old, new))
            built = run(["swift", "build", "--build-tests"])
            if built.returncode != 0:
                sys.exit(f"'{name}' does not build: {(built.stdout + built.stderr)[-1500:]}")
            missed = judge(options.schedules, named.get(name))
        finally:
            path.write_text(text)
        print(f"{name}: {missed or 'SURVIVED'}", flush=True)
        if not missed:
            survived.append(name)
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
