import Glibc
package import Telemetry

/// The gateway with its functions behind it, as one program runs them: what `tickertape serve` starts.
///
///     let host = try GatewayHost(configuration, functions: functions, log: log) { port in surroundings }
///     host.run(until: interruption)            // returns when everything it started has ended
package final class GatewayHost {
  let loop: EventLoop
  private let gateway: Gateway
  let functions: FunctionHost
  private let echo: EchoServer?
  private let schedules: [ScheduledInvocations]

  /// How long the `$disconnect`s of the last clients may take when it stops.
  private static let farewellMilliseconds: Int64 = 3000

  /// Listens at once; no function is started before it is needed. `surroundings` gets the port, for what the functions
  /// are told of the gateway's own address; `onLogLine` gets every line that they write.
  package init(
    _ configuration: GatewayConfiguration, functions: [FunctionConfiguration], log: Log,
    onLogLine: @escaping (FunctionLogLine) -> Void = { _ in },
    settings: (_ port: UInt16) -> FunctionSettings
  ) throws(GatewayError) {
    // Each connection is a descriptor.
    Socket.raiseDescriptorLimit()
    let loop: EventLoop
    do {
      loop = try EventLoop()
    } catch {
      throw GatewayError(message: error.description)
    }
    var made: FunctionHost?
    let faults = configuration.faults.map { Faults($0, clock: loop.clock, log: log) }
    gateway = try Gateway(configuration, loop: loop, log: log, faults: faults) { port in
      let host = FunctionHost(
        functions: functions, settings: settings(port), loop: loop, faults: faults, onLogLine: onLogLine)
      made = host
      return host
    }
    guard let made else { preconditionFailure("the gateway makes its invoker") }
    self.loop = loop
    self.functions = made
    schedules = configuration.schedules.map { ScheduledInvocations($0, made, log: log) }
    do {
      echo = try configuration.echoPort.map { port throws(ListenError) in try EchoServer(port: port, loop: loop) }
    } catch {
      gateway.close()
      throw GatewayError(error)
    }
    gateway.server.add(InvokeAPI(made, faults: faults))
    if let faults { gateway.server.add(FaultReport(faults)) }
    let http = HTTPFunctions(
      configuration.http, stage: configuration.stage, port: gateway.port, host: made, log: log, faults: faults)
    gateway.server.add(http)
    // `close` of the gateway lets go of the handlers, and so of itself.
    gateway.server.add(PageServer(configuration.pages, log: log, health: gateway.health))
    gateway.server.add(HTTPRemainder(http))
    for schedule in schedules { schedule.start() }
  }

  /// Where it listens, on 127.0.0.1.
  package var port: UInt16 { gateway.port }
  package var echoPort: UInt16? { echo?.port }

  /// Serves until a byte comes out of `interruption`, then lets the clients go, ends every process it started, and
  /// returns. The same byte again ends the processes at once; another one does not, since one Ctrl-C often comes as
  /// SIGINT from the terminal and as SIGTERM from the script around. With a negative descriptor it serves for ever.
  /// `onStopping` is called when the first byte has come.
  package func run(until signalDescriptor: Int32, onStopping: @escaping () -> Void = {}) {
    if signalDescriptor >= 0 {
      // A descriptor that cannot be watched leaves the signals' own effect.
      try? loop.add(
        descriptor: signalDescriptor, interest: .readable,
        handler: Stop(host: self, descriptor: signalDescriptor, onStopping))
    }
    loop.run()
    if signalDescriptor >= 0 { loop.remove(descriptor: signalDescriptor) }
  }

  private enum Phase {
    case serving
    case lettingClientsGo
    case endingFunctions
  }

  private var phase = Phase.serving

  private func stop() {
    phase = .lettingClientsGo
    echo?.close()
    gateway.close()
    awaitFarewells(until: loop.clock.monotonicMilliseconds() + Self.farewellMilliseconds)
  }

  /// Rows of connections would stay in the table if their `$disconnect`s were cut short.
  private func awaitFarewells(until end: Int64) {
    guard phase == .lettingClientsGo else { return }
    guard gateway.invocations.pendingCount == 0 || loop.clock.monotonicMilliseconds() >= end else {
      loop.schedule(afterMilliseconds: 10) { self.awaitFarewells(until: end) }
      return
    }
    endFunctions()
  }

  private func endFunctions() {
    phase = .endingFunctions
    functions.stop {
      self.gateway.drop()
      self.loop.stop()
    }
  }

  /// Stopped already, the host starts nothing in the place of what is killed.
  private func endAtOnce() {
    if phase == .lettingClientsGo { endFunctions() }
    functions.kill()
  }

  private final class Stop: EventHandler {
    private unowned let host: GatewayHost
    private let descriptor: Int32
    private let onStopping: () -> Void
    private var first: UInt8?

    init(host: GatewayHost, descriptor: Int32, _ onStopping: @escaping () -> Void) {
      self.host = host
      self.descriptor = descriptor
      self.onStopping = onStopping
    }

    func ready(_ readiness: EventLoop.Readiness) {
      // One byte a time, so that two that came together count as two.
      var byte: UInt8 = 0
      guard read(descriptor, &byte, 1) == 1 else { return host.loop.remove(descriptor: descriptor) }
      if let first { return first == byte ? host.endAtOnce() : () }
      first = byte
      host.stop()
      onStopping()
    }
  }
}
