/// What Lambda says about an invocation beside its event.
public struct InvocationContext: Sendable {
  /// Lambda's id of the request. An event that Lambda delivers again may bear the same one.
  public let requestID: String
  /// When the invocation is ended, answered or not: milliseconds since the epoch.
  public let deadlineMilliseconds: Int64
  /// The function as it was called, with the version or alias if one was named.
  public let invokedFunctionARN: String
  /// The X-Ray trace header; also in the variable `_X_AMZN_TRACE_ID` while the handler runs.
  public let traceID: String?
  /// Of functions with tenant isolation: whose invocation this is.
  public let tenantID: String?
  /// JSON that the caller sent along (`X-Amz-Client-Context`, already decoded from base64).
  public let clientContext: String?
  /// JSON with the Cognito identity of a caller that used one.
  public let cognitoIdentity: String?
  /// The event's media type, as a rule `application/json`.
  public let contentType: String?

  /// For tests of a handler; the runtime makes its own.
  public init(
    requestID: String, deadlineMilliseconds: Int64, invokedFunctionARN: String = "", traceID: String? = nil,
    tenantID: String? = nil, clientContext: String? = nil, cognitoIdentity: String? = nil, contentType: String? = nil
  ) {
    self.requestID = requestID
    self.deadlineMilliseconds = deadlineMilliseconds
    self.invokedFunctionARN = invokedFunctionARN
    self.traceID = traceID
    self.tenantID = tenantID
    self.clientContext = clientContext
    self.cognitoIdentity = cognitoIdentity
    self.contentType = contentType
  }
}
