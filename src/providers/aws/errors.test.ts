import { expect } from 'chai';
import { ProviderError } from '../errors.ts';
import { awsError } from './errors.ts';

const thrown = (name: string, status?: number): Error =>
  Object.assign(new Error('as AWS says'), {
    name,
    ...(status === undefined ? {} : { $metadata: { httpStatusCode: status } }),
  });

describe('errors of the AWS SDK', () => {
  for (const [name, status, reason] of [
    ['ThrottlingException', 400, 'Throttled'],
    ['ThrottledException', 400, 'Throttled'],
    ['RequestThrottled', 400, 'Throttled'],
    ['RequestThrottledException', 400, 'Throttled'],
    ['PriorRequestNotComplete', 400, 'Throttled'],
    ['LimitExceededException', 400, 'Throttled'],
    ['SlowDown', 503, 'Throttled'],
    ['RequestTimeTooSkewed', 403, 'Unavailable'],
    ['RequestExpired', 400, 'Unavailable'],
    ['InvalidSignatureException', 403, 'Unavailable'],
    ['IDPCommunicationError', 400, 'Unavailable'],
    ['RequestTimeout', 400, 'Unavailable'],
    ['SignatureDoesNotMatch', 403, 'AccessDenied'],
    ['AccessDeniedException', 400, 'AccessDenied'],
    ['UnrecognizedClientException', 400, 'AccessDenied'],
    ['ExpiredTokenException', 400, 'Unavailable'],
    ['ServerException', 500, 'Unavailable'],
    ['InvalidParameterException', 400, 'Invalid'],
    ['CredentialsProviderError', undefined, 'Unavailable'],
    ['TimeoutError', undefined, 'Unavailable'],
  ] as const) {
    it(`are ${reason} for ${name}`, () => {
      const error = awsError({ call: 'ask' }, thrown(name, status));
      expect([error.reason, error.message]).to.deep.equal([reason, `ask: ${name}: as AWS says`]);
    });
  }

  it('pass where the SDK has just set its clock by the answer', () => {
    const error = Object.assign(thrown('AccessDeniedException'), {
      $metadata: { httpStatusCode: 403, clockSkewCorrected: true },
    });
    expect(awsError({ call: 'ask' }, error).reason).to.equal('Unavailable');
  });

  it('mean what the service means by its own codes', () => {
    const reasons = { AccountLimitExceededException: 'Throttled' } as const;
    const error = awsError({ call: 'ask', reasons }, thrown('AccountLimitExceededException', 400));
    expect(error.reason).to.equal('Throttled');
  });

  it('name the missing permission where access was denied, and nowhere else', () => {
    const needs = 'ecr:DescribeImages on *';
    const message = (name: string) => awsError({ call: 'ask', needs }, thrown(name, 400)).message;
    expect(message('AccessDeniedException')).to.equal(
      'ask: AccessDeniedException: as AWS says; it needs ecr:DescribeImages on *',
    );
    expect(message('InvalidParameterException')).to.equal('ask: InvalidParameterException: as AWS says');
  });

  it('say the status where the answer had no words', () => {
    const error = Object.assign(thrown('Unknown', 503), { message: 'UnknownError' });
    expect(awsError({ call: 'ask' }, error).message).to.equal('ask: HTTP 503');
  });

  it('stay what they are when they are ours already', () => {
    const error = new ProviderError('TooLarge', 'too large');
    expect(awsError({ call: 'ask' }, error)).to.equal(error);
  });
});
