/// A function was put behind another route than its own. Lambda knows it as `Function.WrongRoute`.
package struct WrongRoute: Error, CustomStringConvertible {
  private let function: String
  private let eventType: String
  private let route: String

  /// `function` answers events of this type, which come by this route.
  package init(_ function: String, answers eventType: String, route: String) {
    self.function = function
    self.eventType = eventType
    self.route = route
  }

  package var description: String {
    "\(function) answers events of the type \(eventType); put it behind the route \(route)"
  }
}
