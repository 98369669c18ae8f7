package import Telemetry

/// A function that is asked to run later, where one is named. Whoever asks does without it if it has to.
///
///     let publisher = InvokedFunction(named: environment["PUBLISHER_FUNCTION"], by: FunctionInvoker(environment: environment))
///     publisher.invokeLater(payload, otherwise: "the sweep will send it", log: log)
package struct InvokedFunction {
  /// Nil: nothing is invoked.
  package let name: String?
  private let invocation: any AsynchronousInvocation

  package init(named name: String?, by invocation: any AsynchronousInvocation) {
    self.name = name
    self.invocation = invocation
  }

  /// `otherwise`: what the log says where Lambda does not queue it.
  package func invokeLater(_ payload: [UInt8], otherwise message: LogText, log: Log) {
    guard let name else { return }
    do {
      try invocation.invokeLater(name, payload: payload)
    } catch {
      log.warn(message, ["reason": .own(LogText(error))])
    }
  }
}
