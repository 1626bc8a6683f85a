
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0006_audit_by_actor_and_action'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='approvalrequest',
            name='report',
            field=models.TextField(blank=True, help_text="The validator's opinion and the reasons for it."),
        ),
        migrations.AddField(
            model_name='approvalrequest',
            name='scope',
            field=models.TextField(blank=True, help_text='What is validated, and what is not.'),
        ),
        migrations.AddField(
            model_name='approvalrequest',
            name='tier',
            field=models.PositiveSmallIntegerField(choices=[(1, 'Tier 1'), (2, 'Tier 2'), (3, 'Tier 3')], default=2, help_text='At submission.'),
        ),
        migrations.AddField(
            model_name='approvalrequest',
            name='validated_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='approvalrequest',
            name='validated_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approvalrequest',
            name='validator',
            field=models.ForeignKey(blank=True, help_text='The lead validator.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='decision',
            name='quorum',
            field=models.JSONField(default=dict, help_text='What the tier asked for, and who filled which place.'),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='use_status',
            field=models.CharField(choices=[('not_in_use', 'not in use'), ('in_use', 'in use'), ('restricted', 'restricted'), ('suspended', 'suspended'), ('decommissioning', 'being decommissioned'), ('retired', 'retired')], db_index=True, default='not_in_use', max_length=20),
        ),
        migrations.AlterField(
            model_name='decision',
            name='decided_by',
            field=models.ForeignKey(help_text='Who cast the deciding vote.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='approval_status',
            field=models.CharField(choices=[('draft', 'in development'), ('submitted', 'submitted'), ('in_validation', 'in validation'), ('returned', 'returned'), ('validated', 'validated'), ('validation_failed', 'validation failed'), ('pending_approval', 'awaiting decision'), ('approved', 'approved'), ('approved_with_conditions', 'approved with conditions'), ('rejected', 'rejected'), ('withdrawn', 'withdrawn'), ('expired', 'expired'), ('superseded', 'superseded')], db_index=True, default='draft', max_length=30),
        ),
        migrations.CreateModel(
            name='Deployment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('environment', models.CharField(help_text='Where it runs, for example production.', max_length=120)),
                ('restrictions', models.TextField(blank=True, help_text='What users must respect, as they acknowledged it.')),
                ('deployed_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('deployed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deployments', to='registry.modelversion')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Dossier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.PositiveIntegerField()),
                ('document', models.JSONField(help_text='modelrisk.dossier/1: model, data, policy, results, findings, documentation.')),
                ('sha256', models.CharField(help_text='Over the document as canonical JSON.', max_length=64)),
                ('frozen_at', models.DateTimeField(auto_now_add=True)),
                ('replaced_at', models.DateTimeField(blank=True, null=True)),
                ('replaced_because', models.TextField(blank=True)),
                ('frozen_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dossiers', to='registry.approvalrequest')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='decision',
            name='dossier',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='decision', to='registry.dossier'),
        ),
        migrations.CreateModel(
            name='RoleGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'owner'), ('developer', 'developer'), ('validator', 'validator'), ('mrm_lead', 'mrm lead'), ('approver', 'approver'), ('committee_chair', 'committee chair'), ('compliance', 'compliance'), ('security_officer', 'security officer'), ('auditor', 'auditor'), ('admin', 'admin'), ('service_account', 'service account')], max_length=30)),
                ('state', models.CharField(choices=[('requested', 'waits for a second person'), ('in_force', 'in force'), ('refused', 'refused'), ('ended', 'ended')], default='requested', max_length=10)),
                ('reason', models.TextField(blank=True)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('granted_at', models.DateTimeField(blank=True, help_text='In force from then on.', null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('granted_by', models.ForeignKey(blank=True, help_text='Or who refused.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='role_grants', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Vote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(help_text='In which the vote was cast.', max_length=30)),
                ('outcome', models.CharField(choices=[('approve', 'Approve'), ('approve_with_conditions', 'Approve with conditions'), ('reject', 'Reject'), ('return', 'Return')], max_length=30)),
                ('comment', models.TextField()),
                ('conditions', models.JSONField(default=list, help_text='[{text, owner, due, check}]')),
                ('valid_until', models.DateField(blank=True, null=True)),
                ('conflict_check', models.JSONField(default=dict, help_text='Who was compared with whom, and what came of it.')),
                ('authenticated_at', models.DateTimeField(blank=True, help_text='When they last gave their password.', null=True)),
                ('cast_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('cleared_at', models.DateTimeField(blank=True, help_text='Void: a new revision replaced what it signed.', null=True)),
                ('dossier', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='votes', to='registry.dossier')),
                ('grant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.rolegrant')),
                ('voter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Assignment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('part', models.CharField(choices=[('owner', 'owner'), ('developer', 'developer'), ('validator', 'validator'), ('user', 'user of its outputs')], max_length=10)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('assigned_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='registry.mlmodel')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['model', 'part'], name='assignments_of_model')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('until__isnull', True)), fields=('model', 'user', 'part'), name='one_open_assignment')],
            },
        ),
        migrations.CreateModel(
            name='Condition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('due', models.DateField()),
                ('check_method', models.CharField(choices=[('person', 'a person of the validating side looks at the evidence'), ('criterion', 'a criterion of the policy passes in an assessment made since')], default='person', max_length=10)),
                ('criterion', models.JSONField(default=dict, help_text='{test, metric, group}: with the method criterion.')),
                ('state', models.CharField(choices=[('open', 'open'), ('evidence_submitted', 'evidence submitted'), ('satisfied', 'satisfied'), ('breached', 'breached')], default='open', max_length=20)),
                ('evidence', models.TextField(blank=True)),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('decision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conditions', to='registry.decision')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conditions_to_meet', to=settings.AUTH_USER_MODEL)),
                ('settled_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['decision', 'number'],
                'indexes': [models.Index(fields=['state', 'due'], name='condition_by_due')],
                'constraints': [models.UniqueConstraint(fields=('decision', 'number'), name='one_number_per_condition')],
            },
        ),
        migrations.AddConstraint(
            model_name='dossier',
            constraint=models.UniqueConstraint(fields=('request', 'revision'), name='one_revision_of_a_dossier'),
        ),
        migrations.AddIndex(
            model_name='rolegrant',
            index=models.Index(fields=['user', 'role'], name='grants_of_user'),
        ),
        migrations.AddConstraint(
            model_name='rolegrant',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['requested', 'in_force'])), fields=('user', 'role'), name='one_open_grant_per_role'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.UniqueConstraint(fields=('dossier', 'voter'), name='one_vote_a_person'),
        ),
    ]
