// Runs the code of a CloudFront function as its runtime would: `paths_function.mjs CODE.js < [URL, …]` prints what each request
// becomes. The context has the language's own objects and nothing else: neither Node's nor the web's.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const code = readFileSync(process.argv[2], "utf8");
const urls = JSON.parse(readFileSync(0, "utf8"));

function requestOf(url) {
  const index = url.indexOf("?");
  const query = index < 0 ? undefined : url.slice(index + 1);
  return { method: "GET", uri: index < 0 ? url : url.slice(0, index), querystring: {}, query };
}

function rewritten(url) {
  const { query, ...request } = requestOf(url);
  const context = vm.createContext({ request: { ...request, headers: {}, cookies: {}, rawQueryString: () => query } });
  const answer = vm.runInContext(`"use strict";${code}\nhandler({ version: "1.0", request: request });`, context);
  return { uri: answer.uri, querystring: answer.querystring };
}

process.stdout.write(JSON.stringify(urls.map(rewritten)));
