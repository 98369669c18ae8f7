import AWS
import HTTPClient

/// Opens the connections of a watch, one after the other, each with a signature of its own where there is an authority.
struct WatchDialer {
  let url: HTTPURL
  private let text: String
  private let headers: [(name: String, value: String)]
  private let dialer: Dialer
  private let authority: SigningAuthority?
  private let context: CommandContext
  private let signal: TerminationSignal

  /// `saysHello`: the server is told so, and need not greet.
  init(
    _ text: String, saysHello: Bool, headers: [(name: String, value: String)], signing: Signing,
    context: CommandContext,
    signal: TerminationSignal
  ) throws(CommandFailure) {
    let advice = ["for example ws://127.0.0.1:8000/dev?userId=u-1"]
    let hello = saysHello ? (text.utf8.contains(UInt8(ascii: "?")) ? "&hello=1" : "?hello=1") : ""
    do { url = try HTTPURL(text + hello) } catch {
      throw CommandFailure(code: .usage, message: "'\(text)': \(error.message)", advice: advice)
    }
    guard text.lowercased().hasPrefix("ws") else {
      throw CommandFailure(
        code: .usage, message: "'\(text)': a WebSocket's URL begins with ws:// or wss://", advice: advice)
    }
    do { dialer = try Dialer() } catch {
      throw CommandFailure(code: .unavailable, message: "libcurl cannot start: \(error.message)")
    }
    let isAuthorized = headers.contains { $0.name.lowercased() == "authorization" }
    authority = isAuthorized ? nil : try signing.authority(for: url, service: "execute-api", in: context)
    self.text = text
    self.headers = headers
    self.context = context
    self.signal = signal
  }

  /// A handshake that was refused because of this machine's clock is signed anew and sent once more.
  func connect() -> Result<WebSocketClient, WatchFailure> {
    do throws(WatchFailure) {
      let proof = try proof()
      do throws(WatchFailure) {
        return .success(try connect(proof))
      } catch {
        guard let proof, case .refused(let status, let date, let body) = error,
          authority?.learn(
            from: .init(status: status, date: date, errorType: nil, body: body), of: proof) == true
        else { throw error }
        return .success(try connect(try self.proof()))
      }
    } catch {
      return .failure(error)
    }
  }

  /// What to tell of a connection that could not be had.
  func failure(_ error: WatchFailure) -> CommandFailure { error.failure(url: text) }

  private func proof() throws(WatchFailure) -> SigningAuthority.Proof? {
    do throws(CredentialError) { return try authority?.proof() } catch { throw .notWebSocket(error.description) }
  }

  private func connect(_ proof: SigningAuthority.Proof?) throws(WatchFailure) -> WebSocketClient {
    var headers = headers
    if let authority, let proof {
      let request = Signer.Request(method: "GET", target: url.target, headers: [("Host", url.authority)])
      headers += authority.headers(signing: request, with: proof)
    }
    return try WebSocketClient(
      url: url, headers: headers, dialer: dialer, clock: context.clock, signal: signal)
  }
}
