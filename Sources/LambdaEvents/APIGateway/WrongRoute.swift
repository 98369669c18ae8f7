/// A function was put behind a route whose events it does not answer. Lambda knows it as `Function.WrongRoute`.
package struct WrongRoute: Error, CustomStringConvertible {
  private let handler: String
  private let eventType: String
  private let routeKey: String
  private let advice: String

  /// `context`: of the event that came. `advice`: what would be right.
  package init(_ handler: String, context: RequestContext, advice: String) {
    self.handler = handler
    eventType = context.eventType
    routeKey = context.routeKey
    self.advice = advice
  }

  package var description: String {
    "\(handler) does not answer events of the type \(eventType), but stands behind the route \(routeKey): \(advice)"
  }
}
