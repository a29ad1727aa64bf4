/**
 * An alarm: a mail where what AWS charges for an installation, or for a researcher, comes near an amount. It is no part of an installation: GovCloud has
 * no AWS Budgets, and refuses a template with one.
 */
import { COST_TAG } from '../../../crds/namespace-rules.ts';
import { TAGS } from '../names.ts';
import { ref, sub, tags, template, when, type Value } from './template.ts';

/** Per cent of the amount. */
const THRESHOLDS = [80, 100];

/** As AWS Budgets calls a tag that users have set. */
const tagged = (tag: string, parameter: string): Value<string> => ({
  'Fn::Join': ['$', [`user:${tag}`, ref(parameter)]],
});

export const alarm = template({
  Description: 'sb: a mail where the bill of an installation or of a researcher comes near an amount.',
  Resources: {
    Alarm: {
      Type: 'AWS::Budgets::Budget',
      Properties: {
        Budget: {
          BudgetName: when('HasUser', sub('${Stack}-researcher-${User}'), ref('Stack')),
          BudgetType: 'COST',
          TimeUnit: 'MONTHLY',
          BudgetLimit: { Amount: ref('Dollars'), Unit: 'USD' },
          // As Cost Explorer is asked: what was used, whoever gave a voucher for it.
          CostTypes: { UseAmortized: true, IncludeCredit: false, IncludeRefund: false },
          CostFilters: {
            TagKeyValue: [when('HasUser', tagged(COST_TAG, 'User'), tagged(TAGS.stack, 'Stack'))],
          },
        },
        NotificationsWithSubscribers: THRESHOLDS.map((Threshold) => ({
          Notification: {
            NotificationType: 'ACTUAL',
            ComparisonOperator: 'GREATER_THAN',
            Threshold,
            ThresholdType: 'PERCENTAGE',
          },
          Subscribers: [{ SubscriptionType: 'EMAIL', Address: ref('Email') }],
        })),
        ResourceTags: tags('alarm'),
      },
    },
  },
  Outputs: { Budget: { Description: 'Name of the budget.', Value: ref('Alarm') } },
});
