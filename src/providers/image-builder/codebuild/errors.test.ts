import { expect } from 'chai';
import { codebuildError } from './errors.ts';

const error = (name: string, message: string): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400 } });
const reasonOf = (thrown: Error): string =>
  codebuildError({ call: 'start', action: 'codebuild:StartBuild', on: 'project/p' }, thrown).reason;

describe('an error of CodeBuild', () => {
  it('is no invalid build where the project’s role is not known yet', () => {
    const message = 'CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::1:role/build';
    expect(reasonOf(error('InvalidInputException', message))).to.equal('AccessDenied');
    expect(reasonOf(error('InvalidInputException', 'no such compute type'))).to.equal('Invalid');
  });
});
