/** Tokens for API servers of EKS, for whoever connects to one. */
export { eksToken, type EksToken } from '../aws/eks-token.ts';
