package main

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "peer.bench", Version: "v1alpha1"}

func addToScheme(scheme *runtime.Scheme) {
	scheme.AddKnownTypes(groupVersion, &PeerTrial{}, &PeerTrialList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
}

type Named struct {
	Name string `json:"name"`
}

type Task struct {
	Name      string `json:"name"`
	Dataset   string `json:"dataset,omitempty"`
	ConfigMap *Named `json:"configMap,omitempty"`
}

type Environment struct {
	Image               string            `json:"image"`
	Resources           map[string]string `json:"resources,omitempty"`
	BuildTimeoutSeconds int32             `json:"buildTimeoutSeconds,omitempty"`
	Network             string            `json:"network,omitempty"`
}

type Phase struct {
	Name           string `json:"name,omitempty"`
	Version        string `json:"version,omitempty"`
	TimeoutSeconds int32  `json:"timeoutSeconds,omitempty"`
	User           string `json:"user,omitempty"`
}

type Toleration struct {
	Key      string `json:"key,omitempty"`
	Operator string `json:"operator,omitempty"`
	Value    string `json:"value,omitempty"`
	Effect   string `json:"effect,omitempty"`
}

type Scheduling struct {
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	Tolerations  []Toleration      `json:"tolerations,omitempty"`
}

type Spec struct {
	Run                     string      `json:"run,omitempty"`
	Task                    Task        `json:"task"`
	Environment             Environment `json:"environment"`
	Agent                   Phase       `json:"agent,omitempty"`
	Verifier                Phase       `json:"verifier,omitempty"`
	Scheduling              *Scheduling `json:"scheduling,omitempty"`
	MaxAttempts             int32       `json:"maxAttempts,omitempty"`
	BackoffSeconds          int32       `json:"backoffSeconds,omitempty"`
	StartTimeoutSeconds     int32       `json:"startTimeoutSeconds,omitempty"`
	TTLSecondsAfterFinished int32       `json:"ttlSecondsAfterFinished,omitempty"`
	Suspend                 bool        `json:"suspend"`
	Cancel                  bool        `json:"cancel"`
	UploadResults           bool        `json:"uploadResults"`
}

type Attempt struct {
	Number         int32        `json:"number"`
	Job            string       `json:"job"`
	StartTime      *metav1.Time `json:"startTime,omitempty"`
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

type Status struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	StartTime          *metav1.Time       `json:"startTime,omitempty"`
	CompletionTime     *metav1.Time       `json:"completionTime,omitempty"`
	Reward             *float64           `json:"reward,omitempty"`
	Attempts           []Attempt          `json:"attempts,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type PeerTrial struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              Spec   `json:"spec"`
	Status            Status `json:"status,omitempty"`
}

type PeerTrialList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PeerTrial `json:"items"`
}

func pointer[T any](to *T) *T {
	if to == nil {
		return nil
	}
	copied := *to
	return &copied
}

func (from *PeerTrial) copied() *PeerTrial {
	to := *from
	from.ObjectMeta.DeepCopyInto(&to.ObjectMeta)
	to.Spec.Task.ConfigMap = pointer(from.Spec.Task.ConfigMap)
	to.Spec.Environment.Resources = maps.Clone(from.Spec.Environment.Resources)
	if scheduling := from.Spec.Scheduling; scheduling != nil {
		to.Spec.Scheduling = &Scheduling{NodeSelector: maps.Clone(scheduling.NodeSelector), Tolerations: slices.Clone(scheduling.Tolerations)}
	}
	// Times are replaced, never changed.
	to.Status.Attempts = slices.Clone(from.Status.Attempts)
	to.Status.Conditions = slices.Clone(from.Status.Conditions)
	to.Status.Reward = pointer(from.Status.Reward)
	return &to
}

func (from *PeerTrial) DeepCopyObject() runtime.Object { return from.copied() }

func (from *PeerTrialList) DeepCopyObject() runtime.Object {
	to := &PeerTrialList{TypeMeta: from.TypeMeta, Items: make([]PeerTrial, len(from.Items))}
	from.ListMeta.DeepCopyInto(&to.ListMeta)
	for index := range from.Items {
		to.Items[index] = *from.Items[index].copied()
	}
	return to
}
