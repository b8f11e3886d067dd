package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/job"
)

// scaling is what a worker needs of Auto Scaling; *autoscaling.Client is one.
type scaling interface {
	SetInstanceProtection(context.Context, *autoscaling.SetInstanceProtectionInput, ...func(*autoscaling.Options)) (*autoscaling.SetInstanceProtectionOutput, error)
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
}

// callTimeout bounds one call, the SDK's own tries included.
const callTimeout = 10 * time.Second

// group is an Auto Scaling group as one of its instances sees it.
type group struct {
	scaling  scaling
	name     string
	hook     string // Empty when nobody waits for a completion.
	instance string
}

// protect sets whether scaling in passes over the instance.
func (g *group) protect(ctx context.Context, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := g.scaling.SetInstanceProtection(ctx, &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: &g.name, InstanceIds: []string{g.instance}, ProtectedFromScaleIn: &on,
	})
	return g.failed("set scale-in protection of", "autoscaling:SetInstanceProtection", err)
}

// heartbeat begins the time of the lifecycle hook anew.
func (g *group) heartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := g.scaling.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: &g.name, LifecycleHookName: &g.hook, InstanceId: &g.instance,
	})
	return g.failed("record a heartbeat of lifecycle hook "+g.hook+" for", "autoscaling:RecordLifecycleActionHeartbeat", err)
}

// complete tells the lifecycle hook that the instance may go.
func (g *group) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := g.scaling.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &g.name, LifecycleHookName: &g.hook, InstanceId: &g.instance,
		LifecycleActionResult: aws.String("CONTINUE"),
	})
	return g.failed("complete lifecycle hook "+g.hook+" for", "autoscaling:CompleteLifecycleAction", err)
}

func (g *group) failed(op, action string, err error) error {
	if err == nil {
		return nil
	}
	subject := fmt.Sprintf("%s in group %s", g.instance, g.name)
	var typed smithy.APIError
	if errors.As(err, &typed) && (typed.ErrorCode() == "AccessDenied" || typed.ErrorCode() == "AccessDeniedException") {
		return job.Fail(job.Internal, op, subject, "access is denied", fmt.Sprintf("Allow %s on the group to the role of the instance.", action), err)
	}
	return job.Fail(job.Internal, op, subject, "", "", err)
}

// insist calls again after pauses until it succeeds, ctx ends or the time is
// over, and returns the last error.
func insist(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pauses := backoff{}
	for {
		err := call(ctx)
		if err == nil || job.Pause(ctx, pauses.next()) != nil {
			return err
		}
	}
}

// backoff gives the pauses between tries: half of them fixed, half by chance.
type backoff struct{ tries int }

const (
	firstPause   = time.Second
	longestPause = time.Minute
)

func (b *backoff) next() time.Duration {
	ceiling := min(firstPause<<min(b.tries, 10), longestPause)
	b.tries++
	return ceiling/2 + rand.N(ceiling/2)
}
