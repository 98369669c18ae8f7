package import Telemetry

/// The gateway with its functions behind it, as one program runs them: what `tickertape serve` starts.
///
///     let host = try GatewayHost(configuration, functions: functions, log: log) { port in surroundings }
///     host.run(until: interruption)            // returns when everything it started has ended
package final class GatewayHost {
  private let loop: EventLoop
  private let gateway: Gateway
  private let functions: FunctionHost
  private let echo: EchoServer?

  /// How long the `$disconnect`s of the last clients may take when it stops.
  private static let farewellMilliseconds: Int64 = 3000

  /// Listens at once; no function is started before it is needed. `surroundings` gets the port, for what the functions
  /// are told of the gateway's own address; `onLogLine` gets every line that they write.
  package init(
    _ configuration: GatewayConfiguration, functions: [FunctionConfiguration], log: Log,
    onLogLine: @escaping (FunctionLogLine) -> Void = { _ in },
    surroundings: (_ port: UInt16) -> FunctionSurroundings
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
    gateway = try Gateway(configuration, loop: loop, log: log) { port in
      let host = FunctionHost(functions, surroundings(port), loop: loop, onLogLine: onLogLine)
      made = host
      return host
    }
    guard let made else { preconditionFailure("the gateway makes its invoker") }
    self.loop = loop
    self.functions = made
    do {
      echo = try configuration.echoPort.map { port throws(ListenError) in try EchoServer(port: port, loop: loop) }
    } catch {
      gateway.close()
      throw GatewayError(error)
    }
    gateway.server.add(InvokeAPI(made))
  }

  /// Where it listens, on 127.0.0.1.
  package var port: UInt16 { gateway.port }
  package var echoPort: UInt16? { echo?.port }

  /// Serves until `interruption` is readable, then lets the clients go, ends every process it started, and returns. With
  /// a negative descriptor it serves for ever.
  package func run(until interruption: Int32) {
    if interruption >= 0 {
      // A descriptor that cannot be watched leaves the signals' own effect.
      try? loop.add(interruption, .readable, Stop(self, interruption))
    }
    loop.run()
  }

  private func stop() {
    echo?.close()
    gateway.close()
    let end = loop.clock.monotonicMilliseconds() + Self.farewellMilliseconds
    awaitFarewells(until: end)
  }

  /// Rows of connections would stay in the table if their `$disconnect`s were cut short.
  private func awaitFarewells(until end: Int64) {
    guard gateway.runningInvocations == 0 || loop.clock.monotonicMilliseconds() >= end else {
      loop.schedule(afterMilliseconds: 10) { self.awaitFarewells(until: end) }
      return
    }
    functions.stop {
      self.gateway.drop()
      self.loop.stop()
    }
  }

  private final class Stop: EventHandler {
    private unowned let host: GatewayHost
    private let descriptor: Int32

    init(_ host: GatewayHost, _ descriptor: Int32) {
      self.host = host
      self.descriptor = descriptor
    }

    func ready(_ readiness: EventLoop.Readiness) {
      host.loop.remove(descriptor)
      host.stop()
    }
  }
}
