import { expect } from 'chai';
import { cloudwatchLogLinks, streamUrl } from './cloudwatch.ts';
import { storedLogLinks } from './stored.ts';

describe('log links', () => {
  it('lead to a stream in the console, with names encoded twice', () => {
    const links = cloudwatchLogLinks({ region: 'eu-west-1', group: '/sb/eks/logs' });
    const place = links.trial('hello__0123abc', 'https://s3.invalid/trial.log');
    expect(place).to.deep.equal({
      url:
        'https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1' +
        '#logsV2:log-groups/log-group/$252Fsb$252Feks$252Flogs/log-events/$252Fhello__0123abc',
      group: '/sb/eks/logs',
      stream: '/hello__0123abc',
    });
  });

  it('read back as the names that they were made of', () => {
    const [group, stream] = ['/a b/ä$%#[x]', '/t.1/2+3'];
    const [, , encodedGroup = '', encodedStream = ''] =
      /#logsV2:(log-groups)\/log-group\/([^/]+)\/log-events\/([^/]+)$/.exec(
        streamUrl({ region: 'us-east-1', group }, stream),
      ) ?? [];
    const decode = (text: string): string =>
      decodeURIComponent(decodeURIComponent(text.replaceAll('$', '%')));
    expect([decode(encodedGroup), decode(encodedStream)]).to.deep.equal([group, stream]);
  });

  it('lead to the stored copy where there is no log service', () => {
    expect(storedLogLinks().trial('hello', 'http://s3/trial.log')).to.deep.equal({
      url: 'http://s3/trial.log',
    });
  });
});
