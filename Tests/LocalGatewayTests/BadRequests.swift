import Testing

/// A request that is answered with an error and ends its connection.
struct BadRequest: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let request: String
  let status: Int
}

let badRequests = [
  BadRequest(
    testDescription: "a head too large",
    request: "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "x", count: 2000) + "\r\n\r\n", status: 431),
  BadRequest(
    testDescription: "a body too large",
    request: "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n" + String(repeating: "x", count: 1001),
    status: 413),
  BadRequest(testDescription: "no HTTP", request: "hello there\r\n\r\n", status: 400),
  BadRequest(testDescription: "HTTP/2", request: "PRI * HTTP/2.0\r\n\r\n", status: 505),
  BadRequest(
    testDescription: "two lengths",
    request: "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", status: 400),
  BadRequest(
    testDescription: "another encoding",
    request: "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", status: 501),
  BadRequest(
    testDescription: "a length beside chunks",
    request: "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      + "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", status: 400),
  BadRequest(testDescription: "no Host", request: "GET /echo HTTP/1.1\r\nX: y\r\n\r\n", status: 400),
  BadRequest(testDescription: "no Host, HTTP/1.0", request: "GET /echo HTTP/1.0\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "Host twice", request: "GET /echo HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n",
    status: 400),
  BadRequest(testDescription: "an empty Host", request: "GET /echo HTTP/1.1\r\nHost:\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "a Host with a user", request: "GET /echo HTTP/1.1\r\nHost: u@localhost\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "no Host beside an absolute target", request: "GET http://localhost/echo HTTP/1.1\r\n\r\n",
    status: 400),
  BadRequest(
    testDescription: "a target of another scheme",
    request: "GET https://localhost/echo HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "a target without a server", request: "GET http:///echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
    status: 400),
  BadRequest(
    testDescription: "a target with a user",
    request: "GET http://u@localhost/echo HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "a target without a slash", request: "GET echo HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "CONNECT", request: "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "a star to another method than OPTIONS", request: "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    status: 400),
  BadRequest(
    testDescription: "a folded header", request: "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    status: 400),
  BadRequest(
    testDescription: "a space before the colon",
    request: "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length : 0\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "a bare line feed", request: "GET /echo HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", status: 400),
  BadRequest(
    testDescription: "a NUL in a header", request: "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    status: 400),
]
