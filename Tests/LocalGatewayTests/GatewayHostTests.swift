import Glibc
import HTTPWire
import Telemetry
import TestSupport
import Testing

@testable import LocalGateway

@Suite("The gateway as a program runs it", .timeLimit(.minutes(10)))
struct GatewayHostTests {
  private func configuration() -> GatewayConfiguration {
    var configuration = GatewayConfiguration()
    configuration.port = 0
    return configuration
  }

  @Test("it serves until it is interrupted, and tells the functions its port")
  func runs() throws {
    var told: UInt16 = 0
    var configuration = configuration()
    configuration.echoPort = 0
    let host = try GatewayHost(configuration, functions: [], log: Log(write: { _ in })) { port in
      told = port
      return FunctionSettings()
    }
    #expect(host.port > 0 && told == host.port)
    #expect(host.echoPort ?? 0 > 0 && host.echoPort != host.port)
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    #expect(write(ends[1], [1], 1) == 1)
    host.run(until: ends[0])
    // It has let go of its port.
    let again = try Socket.listen(port: host.port)
    again.close()
  }

  @Test("interrupted again, it does not wait for functions that do not end")
  func forced() throws {
    var function = FunctionConfiguration(name: "Deaf", executable: FunctionStage.bootstrap)
    function.environment = ["MODE": "deaf"]
    // Far longer than the test may take.
    function.stopMilliseconds = 3_600_000
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let interrupt = { _ = write(ends[1], [1], 1) }
    var pid: pid_t = 0
    let host = try GatewayHost(
      configuration(), functions: [function], log: Log(write: { _ in }),
      onLogLine: { line in
        guard let number = text(line.text).split(separator: "hangs as ").last.flatMap({ pid_t($0) }) else { return }
        pid = number
        interrupt()
      }, settings: { _ in FunctionSettings() })
    host.functions.invoke("Deaf", payload: bytes(#""hang""#), timeoutMilliseconds: 60_000) { _ in }
    host.run(until: ends[0], onStopping: interrupt)
    #expect(pid > 0 && kill(pid, 0) == -1 && errno == ESRCH)
  }

  @Test("a port in use and a bad route selection are said in words")
  func refused() throws {
    let other = try Socket.listen(port: 0)
    defer { other.close() }
    var taken = configuration()
    taken.port = try other.port()
    let inUse = #expect(throws: GatewayError.self) {
      try GatewayHost(taken, functions: [], log: Log(write: { _ in })) { _ in FunctionSettings() }
    }
    #expect(inUse?.portInUse == taken.port)
    var odd = configuration()
    odd.routeSelectionExpression = "$request.path"
    let notUnderstood = #expect(throws: GatewayError.self) {
      try GatewayHost(odd, functions: [], log: Log(write: { _ in })) { _ in FunctionSettings() }
    }
    #expect(notUnderstood?.message.contains("$request.path") == true)
  }

  @Test("the functions of the routes can be called through the Lambda Invoke API on the same port")
  func invokeAPI() throws {
    let bench = try GatewayBench()
    let host = FunctionHost(functions: [], loop: bench.test.loop) { _ in }
    bench.gateway.server.add(InvokeAPI(host))
    let answer = try bench.http().request("POST", "/2015-03-31/functions/Nobody/invocations", body: bytes("{}"))
    #expect(answer.status == 404)
    #expect(text(answer.body).contains("Nobody"))
  }
}
