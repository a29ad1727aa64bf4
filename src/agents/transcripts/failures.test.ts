import { expect } from 'chai';
import fc from 'fast-check';
import { anyCharacter } from '../../../test/support/any-character.ts';
import { AGENT_FAILURES } from '../../crds/agent-failures.ts';
import { failureOf } from './failures.ts';

/** As programs print what providers answer. */
const SAID: Record<string, string[]> = {
  ApiRateLimitError: [
    'API Error: Request rejected (429) · This request would exceed your account’s rate limit.',
    'exceeded retry limit, last status: 429 Too Many Requests, request id: req_1',
    '{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}',
    'litellm.RateLimitError: RateLimitError: OpenAIException - slow down',
  ],
  ApiUsageLimitError: [
    'You exceeded your current quota, please check your plan and billing details.',
    'Error code: 429 - {"error":{"code":"insufficient_quota"}}',
    'Credit balance is too low',
    'unexpected status 402 Payment Required',
  ],
  ApiOverloadedError: [
    'API Error: 529 Overloaded',
    '[API Error: 503 The model is overloaded. Please try again later.]',
    '{"error":{"code":503,"status":"UNAVAILABLE"}}',
  ],
  ApiInternalServerError: [
    'API Error: 500 Internal server error',
    'unexpected status 502 Bad Gateway',
    'litellm.InternalServerError: OpenAIException - something happened',
    '{"error":{"code":500,"status":"INTERNAL"}}',
  ],
  ApiConnectionClosedError: [
    'stream disconnected before completion: stream closed before response.completed',
    'API Error: Connection closed mid-response',
    '[API Error: terminated]',
    'Model stream ended without a finish reason.',
    'socket hang up',
    'litellm.InternalServerError: AnthropicException - Server disconnected without sending a response.',
  ],
  ApiResponseStalledError: ['API Error: Response stalled mid-stream', 'stream idle timeout', 'status 504'],
  NetworkConnectionError: [
    'API Error: Unable to connect to API (ECONNREFUSED)',
    '[API Error: Connection error.]',
    'litellm.APIConnectionError: OpenAIException - something happened',
    'error sending request for url (http://127.0.0.1:1/v1/responses)',
    'exception TypeError: fetch failed sending request',
  ],
  UnknownApiError: ['API Error: 400 a message is not understood', 'something else', ''],
  AgentAuthenticationError: [
    'unexpected status 401 Unauthorized: Incorrect API key provided',
    'Invalid API key · Fix external API key',
    '{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}',
    'API Error: 403 Your account may not use this',
  ],
  ModelNotFoundError: [
    'There’s an issue with the selected model (x). It may not exist or you may not have access to it.',
    'The model `x` does not exist or you do not have access to it.',
    '{"error":{"code":404,"message":"models/x is not found for API version v1beta","status":"NOT_FOUND"}}',
  ],
  ContextWindowExceededError: [
    'prompt is too long: 210000 tokens > 200000 maximum',
    'Codex ran out of room in the model’s context window. Start a new thread.',
    'The input token count (1210000) exceeds the maximum number of tokens allowed (1048576).',
    'This model’s maximum context length is 128000 tokens.',
    'API Error: 413 something',
  ],
  OutputTokenExceededError: [
    'API Error: Claude’s response exceeded the 32000 output token maximum.',
    'finishReason MAX_TOKENS',
  ],
  AgentSafetyRefusalError: [
    'API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy',
    'Output blocked by content filtering policy',
    'the answer ended with SAFETY',
  ],
  BudgetExceededError: ['API Error: 403 the budget of this Trial is used up: maxTokens 1000'],
};

describe('what a program says of a call of its model that failed', () => {
  it('covers every type', () => {
    expect(Object.keys(SAID)).to.have.members(Object.keys(AGENT_FAILURES));
  });

  for (const [type, messages] of Object.entries(SAID))
    for (const message of messages)
      it(`is ${type}: ${message === '' ? '(nothing)' : message}`, () => {
        expect(failureOf(message.replaceAll('’', "'"))).to.include({ type });
      });

  it('is taken by its words before its status, and by the status of the answer before a printed one', () => {
    expect(failureOf('prompt is too long', 400)).to.include({ type: 'ContextWindowExceededError' });
    expect(failureOf('try again', 529)).to.include({ type: 'ApiOverloadedError' });
    expect(failureOf('error 404', 429)).to.include({ type: 'ApiRateLimitError' });
  });

  it('is short, well-formed and known, whatever it says', () => {
    const text = fc.oneof(fc.string({ unit: anyCharacter }), fc.constant('error 4'.repeat(2_000)));
    fc.assert(
      fc.property(text, fc.option(fc.integer(), { nil: undefined }), (said, status) => {
        const { type, message } = failureOf(said, status);
        expect(AGENT_FAILURES).to.have.property(type);
        expect(message.length).to.be.at.most(1_024);
        expect(message.isWellFormed()).to.equal(true);
      }),
    );
  });
});
