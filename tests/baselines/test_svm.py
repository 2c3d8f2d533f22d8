import torch
from sklearn.svm import SVC

from selfme_lib.baselines.svm import train_svm


def blobs(classes, seed=0):
    labels = torch.tensor([label for label in classes for _ in range(10)])
    noise = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(seed))
    return (noise + 4 * torch.eye(3, 5)[labels])[:, :, None, None], labels


def test_it_is_scikit_learns_machine_and_gives_probabilities():
    inputs, labels = blobs([0, 1, 2])
    others, truth = blobs([0, 1, 2], seed=1)
    probabilities = train_svm(inputs, labels, c=1.0)(others)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(30))
    flat = inputs.flatten(1)
    mean, deviation = flat.mean(0), flat.std(0, unbiased=False)
    oracle = SVC(kernel="linear", C=1.0).fit(((flat - mean) / deviation).numpy(), labels.numpy())
    expected = oracle.predict(((others.flatten(1) - mean) / deviation).numpy())
    assert probabilities.argmax(1).tolist() == expected.tolist()
    assert (probabilities.argmax(1) == truth).float().mean() > 0.9


def test_classes_that_no_training_clip_has_are_never_predicted():
    for classes in ([0, 2], [1]):
        inputs, labels = blobs(classes)
        probabilities = train_svm(inputs, labels, c=1.0)(inputs)
        absent = sorted({0, 1, 2} - set(classes))
        assert probabilities[:, absent].eq(0).all()
        assert probabilities.argmax(1).tolist() == labels.tolist()
