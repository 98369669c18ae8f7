import AWS
import HTTPClient
import Telemetry

/// What a command finds around it, as one value, so that a test can pass its own.
struct CommandContext {
  var terminal: Terminal
  var environment = Environment.process
  var clock = Clock.system
  var randomness = Randomness.system
  /// Takes over Ctrl-C, SIGTERM and SIGHUP; only commands that have something to finish ask for it.
  var signal: () -> TerminationSignal = { .never }
  /// How this program was called, for lines that can be pasted.
  var program = "tickertape"
  /// The directory of this program's own file, where the functions' executables lie too.
  var executableDirectory = "."
  var input: () -> ByteSource = { .standardInput }
  /// How requests are sent, signed where there is an authority.
  var makeExchange: ExchangeMaker = Self.exchangeOverHTTP

  typealias ExchangeMaker = (
    _ authority: SigningAuthority?, _ signal: TerminationSignal
  ) throws(CommandFailure) -> InvokeAPI.Exchange

  static func process() -> CommandContext {
    CommandContext(
      terminal: .process(environment: .process), signal: TerminationSignal.installed,
      program: CommandLine.arguments.first ?? "tickertape",
      executableDirectory: System.executablePath().flatMap(Path.directory(of:)) ?? ".")
  }

  func exchange(
    signedBy authority: SigningAuthority? = nil, until signal: TerminationSignal = .never
  ) throws(CommandFailure) -> InvokeAPI.Exchange {
    try makeExchange(authority, signal)
  }

  /// Over one kept connection.
  private static func exchangeOverHTTP(
    signedBy authority: SigningAuthority?, until signal: TerminationSignal
  ) throws(CommandFailure) -> InvokeAPI.Exchange {
    let descriptor = signal.descriptor < 0 ? nil : signal.descriptor
    do throws(HTTPClientError) {
      if let authority { return exchange(over: try SignedSession(authority, signalDescriptor: descriptor)) }
      let session = try HTTPSession(signalDescriptor: descriptor)
      return { request throws(HTTPClientError) in InvokeAPI.Answer(try session.send(request)) }
    } catch {
      throw CommandFailure(code: .unavailable, message: "libcurl cannot start: \(error.message)")
    }
  }

  private static func exchange(over session: SignedSession) -> InvokeAPI.Exchange {
    { request throws(HTTPClientError) in
      do throws(AWSCallError) {
        return InvokeAPI.Answer(try session.send(request))
      } catch {
        switch error {
        case .transport(let error): throw error
        case .credentials(let error):
          throw HTTPClientError(.other, tried: "sign", host: request.url.origin, message: error.description)
        }
      }
    }
  }
}

extension InvokeAPI.Answer {
  fileprivate init(_ response: HTTPResponse) {
    self.init(
      status: response.status, functionError: response.header("X-Amz-Function-Error"), body: response.body)
  }
}

extension Terminal {
  /// Standard output and standard error. Colours only on a screen, and not with `NO_COLOR` (https://no-color.org).
  static func process(environment: Environment) -> Terminal {
    let isInteractive = System.isTerminal(descriptor: 1)
    return Terminal(
      isInteractive: isInteractive && environment["TERM"] != "dumb",
      hasColours: isInteractive && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb",
      columns: System.columns(of: 1) ?? 80,
      output: { bytes throws(SystemFailure) in try System.write(bytes, to: 1) },
      errors: { bytes throws(SystemFailure) in try System.write(bytes, to: 2) })
  }
}
