import HTTPClient
import Telemetry

/// What a command finds around it, as one value, so that a test can pass its own.
struct Surroundings {
  let terminal: Terminal
  var environment = Environment.process
  var clock = Clock.system
  var randomness = Randomness.system
  /// Takes over Ctrl-C and SIGTERM; only commands that have something to finish ask for it.
  var interruption: () -> Interruption = { .never }
  /// How this program was called, for lines that can be pasted.
  var program = "tickertape"
  /// The directory of this program's own file, where the functions' executables lie too.
  var executableDirectory = "."
  var input: () -> ByteSource = { .standardInput }
  /// What a test answers instead of a server.
  var scriptedExchange: InvokeAPI.Exchange?

  static func process() -> Surroundings {
    Surroundings(
      terminal: .process(environment: .process), interruption: Interruption.installed,
      program: CommandLine.arguments.first ?? "tickertape",
      executableDirectory: System.executablePath().flatMap(Path.directory(of:)) ?? ".")
  }

  /// HTTP over one kept connection.
  func exchange() throws(CommandFailure) -> InvokeAPI.Exchange {
    if let scriptedExchange { return scriptedExchange }
    do {
      let session = try HTTPSession()
      return { request throws(HTTPClientError) in
        let response = try session.send(request)
        let functionError = response.header("X-Amz-Function-Error")
        return InvokeAPI.Answer(status: response.status, functionError: functionError, body: response.body)
      }
    } catch {
      throw CommandFailure(.unavailable, "libcurl cannot start: \(error.message)")
    }
  }
}

extension Terminal {
  /// Standard output and standard error. Colours only on a screen, and not with `NO_COLOR` (https://no-color.org).
  static func process(environment: Environment) -> Terminal {
    let isInteractive = System.isTerminal(1)
    return Terminal(
      isInteractive: isInteractive && environment["TERM"] != "dumb",
      hasColours: isInteractive && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb",
      columns: System.columns(of: 1) ?? 80,
      output: { bytes throws(SystemFailure) in try System.write(bytes, to: 1) },
      errors: { bytes throws(SystemFailure) in try System.write(bytes, to: 2) })
  }
}
