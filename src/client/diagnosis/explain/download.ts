/** Pure: whether the tests' own output says that they could not download something: then their verdict tells nothing about the agent. */

/** What programs print that could not resolve or reach a host. */
const FAILED = [
  /\bcurl: \((?:5|6|7|28|35|52|56)\)/,
  /\bwget: (?:bad address|unable to resolve|can't connect|download timed out)/,
  /\b(?:Could not resolve|Couldn't resolve|unable to resolve) host\b/i,
  /\bTemporary failure (?:in name resolution|resolving)\b/,
  /\bName or service not known\b/,
  /\bFailed to establish a new connection\b/,
  /\b(?:NewConnectionError|ConnectTimeoutError|NameResolutionError)\b/,
  /^E: Failed to fetch\b/,
  /\b(?:Could not|Unable to) connect to \S+:(?:http|https|80|443)\b/,
  /\bnpm (?:ERR!|error)\b.*\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT)\b/,
  /\berror sending request for url\b|\bFailed to (?:fetch|download): `/,
  /\bdial tcp\b.*\b(?:no such host|connection refused|i\/o timeout)\b/,
];

/** Characters of a line that are looked at. */
const LOOKED_AT = 500;

/** The first line that says so. */
export const failedDownload = (lines: readonly string[]): string | undefined =>
  lines
    .map((line) => line.slice(0, LOOKED_AT).trim())
    .find((line) => FAILED.some((pattern) => pattern.test(line)));
