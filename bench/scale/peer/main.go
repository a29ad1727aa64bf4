// The peer of the operator in `npm run bench -- scale`: what a plain controller-runtime controller needs for the same work. Of a PeerTrial it makes
// one Job and writes its status twice: when it has made the Job, and when the Job has ended, with the reward out of the Pod's termination message.
// It runs in Pods of which one leads.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	trialLabel   = "peer.bench/trial"
	jobNameLabel = "batch.kubernetes.io/job-name"
	succeeded    = "Succeeded"
	lease        = "peer"
	// As many as the operator has.
	workers = 32
)

type reconciler struct {
	client.Client
	scheme *runtime.Scheme
	// What every Job is made of: as the operator renders one.
	job batchv1.JobSpec
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var trial PeerTrial
	if err := r.Get(ctx, request.NamespacedName, &trial); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if condition := meta.FindStatusCondition(trial.Status.Conditions, succeeded); condition != nil && condition.Status != metav1.ConditionUnknown {
		return ctrl.Result{}, nil
	}
	var job batchv1.Job
	err := r.Get(ctx, types.NamespacedName{Namespace: trial.Namespace, Name: trial.Name + "-1"}, &job)
	switch {
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, r.start(ctx, &trial)
	case err != nil:
		return ctrl.Result{}, err
	case ended(&job):
		return ctrl.Result{}, r.finish(ctx, &trial, &job)
	}
	return ctrl.Result{}, nil
}

func (r *reconciler) start(ctx context.Context, trial *PeerTrial) error {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: trial.Namespace, Name: trial.Name + "-1", Labels: map[string]string{trialLabel: trial.Name}},
		Spec:       *r.job.DeepCopy(),
	}
	job.Spec.Template.Labels = map[string]string{trialLabel: trial.Name}
	if err := controllerutil.SetControllerReference(trial, job, r.scheme); err != nil {
		return err
	}
	if err := r.Create(ctx, job); err != nil {
		// The cache was behind: its next event says the rest.
		return client.IgnoreAlreadyExists(err)
	}
	now := metav1.Now()
	trial.Status = Status{ObservedGeneration: trial.Generation, StartTime: &now, Attempts: []Attempt{{Number: 1, Job: job.Name, StartTime: &now}}}
	return r.report(ctx, trial, metav1.ConditionUnknown, "JobCreated", "the Job is created")
}

func (r *reconciler) finish(ctx context.Context, trial *PeerTrial, job *batchv1.Job) error {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(trial.Namespace), client.MatchingFields{jobNameLabel: job.Name}); err != nil {
		return err
	}
	now := metav1.Now()
	trial.Status.CompletionTime = &now
	if len(trial.Status.Attempts) > 0 {
		trial.Status.Attempts[0].CompletionTime = &now
	}
	for _, pod := range pods.Items {
		if reward, ok := rewardOf(&pod); ok {
			trial.Status.Reward = &reward
			return r.report(ctx, trial, metav1.ConditionTrue, "RewardObtained", "the verifier gave a reward")
		}
	}
	return r.report(ctx, trial, metav1.ConditionFalse, "NoReward", "no Pod left a reward")
}

func (r *reconciler) report(ctx context.Context, trial *PeerTrial, status metav1.ConditionStatus, reason, message string) error {
	meta.SetStatusCondition(&trial.Status.Conditions, metav1.Condition{
		Type: succeeded, Status: status, Reason: reason, Message: message, ObservedGeneration: trial.Generation,
	})
	return r.Status().Update(ctx, trial)
}

func ended(job *batchv1.Job) bool {
	for _, condition := range job.Status.Conditions {
		if (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed) && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func rewardOf(pod *corev1.Pod) (float64, bool) {
	for _, status := range pod.Status.InitContainerStatuses {
		var outcome struct {
			Result struct {
				Reward *float64 `json:"reward"`
			} `json:"result"`
		}
		if end := status.State.Terminated; end != nil && json.Unmarshal([]byte(end.Message), &outcome) == nil && outcome.Result.Reward != nil {
			return *outcome.Result.Reward, true
		}
	}
	return 0, false
}

func run(metrics, jobFile string) error {
	contents, err := os.ReadFile(jobFile)
	if err != nil {
		return err
	}
	var job batchv1.JobSpec
	if err := json.Unmarshal(contents, &job); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	addToScheme(scheme)
	config := ctrl.GetConfigOrDie()
	// No limit of its own, as the operator has none.
	config.QPS = -1
	ours, err := labels.Parse(trialLabel)
	if err != nil {
		return err
	}
	// Where the operator answers the kubelet as well.
	well := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Metrics: metricsserver.Options{
			BindAddress:   metrics,
			ExtraHandlers: map[string]http.Handler{"/healthz": well, "/readyz": well},
		},
		LeaderElection:                true,
		LeaderElectionID:              lease,
		LeaderElectionReleaseOnCancel: true,
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject:         map[client.Object]cache.ByObject{&batchv1.Job{}: {Label: ours}, &corev1.Pod{}: {Label: ours}},
		},
	})
	if err != nil {
		return err
	}
	byJob := func(pod client.Object) []string { return []string{pod.GetLabels()[jobNameLabel]} }
	ctx := ctrl.SetupSignalHandler()
	if err := manager.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, jobNameLabel, byJob); err != nil {
		return err
	}
	if err := ctrl.NewControllerManagedBy(manager).For(&PeerTrial{}).Owns(&batchv1.Job{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&reconciler{Client: manager.GetClient(), scheme: scheme, job: job}); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func main() {
	metrics := flag.String("metrics", ":8080", "address of /metrics")
	job := flag.String("job", "", "file with the spec of every Job, as JSON")
	flag.Parse()
	if err := run(*metrics, *job); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
