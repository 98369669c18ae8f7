import AWS
import Connections
import JSON
import LambdaEvents
import Messaging
import Telemetry

/// Asks DefaultHandler to greet a client: nothing can be posted while `$connect` runs, and no function runs afterwards
/// by itself.
struct Greetings {
  /// `GREETING_FUNCTION`; nil: nobody is greeted.
  private let function: String?
  private let invocation: any AsynchronousInvocation

  init(_ environment: Environment, _ invocation: any AsynchronousInvocation) {
    function = environment["GREETING_FUNCTION"]
    self.invocation = invocation
  }

  /// Clients of the five source protocols know no hello: those of their dialects, and those that say in the URL what they listen
  /// to. A client library says it in its hello.
  static func areExpected(by record: ConnectionRecord) -> Bool {
    !record.dialect.saysHello || !record.subscriptions.active.isEmpty
  }

  /// Without a greeting a client has its events all the same.
  func ask(for id: ConnectionID, context: RequestContext, log: Log) {
    guard let function else { return }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("greet", id.text)
      writer.member("domainName", context.domainName)
      writer.member("stage", context.stage)
    }
    do {
      try invocation.invokeLater(function, payload: writer.bytes)
    } catch {
      log.warn("no greeting", ["connectionId": .identifier(id.text), "reason": .own(LogText(error))])
    }
  }
}
