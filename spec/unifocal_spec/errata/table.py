"""Where the paper's print is not what it means, as data, in the order of the equations."""

from __future__ import annotations

from unifocal_spec.errata import pixel_readings, region_readings
from unifocal_spec.errata.erratum import Erratum

ERRATA: tuple[Erratum, ...] = (
    Erratum(
        "1",
        "ŷ ∈ {0, 1}^N, and no mean over pixels",
        "log ŷ would be −∞ at every wrong pixel",
        "ŷ ∈ (0, 1); the mean over pixels",
        ("cross_entropy",),
        r"\mathcal{L}_{BCE}(\mathbf{y}, \hat{\mathbf{y}}) = -(\mathbf{y}\log(\hat{\mathbf{y}})"
        r" + (\mathbf{1} - \mathbf{y})\log(\mathbf{1} - \hat{\mathbf{y}})),"
        r"\quad \mathbf{y}, \hat{\mathbf{y}} \in \lbrace 0, 1 \rbrace^N",
        (pixel_readings.finite, pixel_readings.mean_over_pixels),
    ),
    Erratum(
        "6",
        "a constant α",
        "a global scale cannot “control the class weights”, and γ = 0 would give α BCE, not BCE",
        "Lin's α_t: α for foreground, 1 − α for background; or one per class; or None",
        ("focal",),
        r"\mathcal{L}_{F} = \alpha \left(1 - p_t\right)^{\gamma} \cdot \mathcal{L}_{BCE}",
        (pixel_readings.balance_of_classes,),
    ),
    Erratum(
        "7",
        "a matrix times the scalar L_CCE",
        "neither the sum nor the mean of that matrix gives the focal loss",
        "the factor inside the double sum",
        ("focal",),
        r"\mathcal{L}_{CF} = \boldsymbol{\alpha} \left(1 - p_{t,c}\right)^{\gamma} \cdot"
        r" \mathcal{L}_{CCE}",
        (pixel_readings.focal_per_pixel,),
    ),
    Erratum(
        "11, 19",
        "Σ_c",
        "the released code and MONAI average over classes; with the sum the learning rate depends "
        "on their number",
        'the mean over classes; class_reduction="sum" for the print',
        ("tversky", "focal_tversky", "asymmetric_focal_tversky", "unified_focal"),
        r"\mathcal{L}_{T} = \sum_{c=1}^{C} (1 - \mathrm{TI}),\qquad"
        r" L_{aFT} = \sum_{c \neq r} (1 - \mathrm{mTI})"
        r" + \sum_{c = r} (1 - \mathrm{mTI})^{1 - \gamma}",
        (region_readings.any_number_of_classes,),
    ),
    Erratum(
        "12",
        "the exponent 1/γ, with γ = 4/3",
        "the exponent is right (¾ in every code), but Fig. 1's “γ = 0 gives Tversky” is true only "
        "of the exponent 1 − γ of (19)",
        "1/γ in the focal Tversky loss, 1 − γ in the asymmetric one",
        ("focal_tversky",),
        r"\mathcal{L}_{FT} = \sum_{c=1}^{C} (1 - \mathrm{TI})^{\frac{1}{\gamma}}",
        (region_readings.tversky_at_zero,),
    ),
    Erratum(
        "14",
        "β (y − log p)",
        "its gradient at a foreground pixel is +β/(N p): predicting nothing minimises it",
        "β y log p; with several classes β on foreground and 1 − β on background",
        ("combo",),
        r"\mathcal{L}_{mCE} = -\frac{1}{N} \sum_{i=1}^{N} \beta \left(y_i - \log(p_i)\right)"
        r" + (1 - \beta) \left[(1 - y_i) \ln(1 - p_i)\right]",
        (pixel_readings.better_is_cheaper,),
    ),
    Erratum(
        "15, 20",
        "λ on Focal",
        "Fig. 1, the released code and the λ column of Table 2 have λ on Focal Tversky: the text "
        "calls the Focal end the worst, and the worst row is λ = 0",
        "λ on Focal, as in both equations and in §II-H (Dice at λ = 0, cross-entropy at λ = 1); "
        "Table 2 is compared with its λ column reversed",
        ("hybrid_focal", "unified_focal"),
        r"\mathcal{L}_{HF} = \lambda \mathcal{L}_{F} + (1 - \lambda) \mathcal{L}_{FT}",
        (region_readings.ends_of_lambda,),
    ),
    Erratum(
        "16, 17",
        "log p_{t,r} in the sum over background; no Σ_i, no y",
        "it rewards false positives; the author confirmed log p_{t,c}",
        "the mask y_{i,c}, log p_{t,c}, the sum over pixels",
        ("asymmetric_focal", "unified_focal"),
        r"L_{maF} = -\frac{\delta}{N} y_{i:r} \log(p_{t,r}) - \frac{1 - \delta}{N}"
        r" \sum_{c \neq r} (1 - p_{t,c})^{\gamma} \log(p_{t,r})",
        (pixel_readings.false_positives_cost, pixel_readings.own_pixels_only),
    ),
    Erratum(
        "18",
        "δ on false positives",
        "contradicts “δ > ½ penalises false negatives”, said twice, and Table 2, where recall "
        "rises from .639 to .902 as δ goes from .1 to .9",
        "δ on false negatives, 1 − δ on false positives",
        ("asymmetric_focal_tversky", "unified_focal"),
        r"\mathrm{mTI} = \frac{\sum_{i=1}^{N} p_{0i} g_{0i}}{\sum_{i=1}^{N} p_{0i} g_{0i}"
        r" + \delta \sum_{i=1}^{N} p_{0i} g_{1i} + (1 - \delta) \sum_{i=1}^{N} p_{1i} g_{0i}}",
        (region_readings.misses_cost_more,),
    ),
    Erratum(
        "20",
        "L_aF",
        "δ would not touch the cross-entropy half",
        "L_maF of (17)",
        ("unified_focal",),
        r"\mathcal{L}_{GF} = \lambda \mathcal{L}_{aF} + (1 - \lambda) \mathcal{L}_{aFT}",
        (pixel_readings.delta_reaches_pixels,),
    ),
    Erratum(
        "21",
        "((1 − epoch)/epoch_max)^0.9",
        "complex from the second epoch on",
        "(1 − epoch/epoch_max)^0.9",
        latex=r"\left(\frac{1 - \mathrm{epoch}}{\mathrm{epoch}_{\max}}\right)^{0.9}",
        properties=(region_readings.real_schedule,),
    ),
    Erratum(
        "22",
        "w = 2^−(stride length × stride width)",
        "strides 1, 2, 4, 8 give .5, .0625, 1.5e-5, 5e-20: two heads only, and depth is ignored "
        "in 3-D",
        'as printed under deep_supervision="paper"; 2^−level, normalised, under "nnunet"',
        latex=r"w = 2^{-(\text{stride length} \times \text{stride width})}",
        properties=(region_readings.head_weights,),
    ),
    Erratum(
        "Fig. 1",
        "“all Dice and cross entropy based loss functions described so far are special cases”",
        "false for Focal (γ = 2), Focal Tversky and Hybrid at the fixed asymmetry",
        "true with the set of rare classes as a parameter, see the special cases; what stays out "
        "of reach is listed as unreachable",
        ("unified_focal",),
        properties=(pixel_readings.focal_is_reached,),
    ),
    Erratum(
        "§III-B",
        "“[0, 1] using the z-score”; “the same model architecture as for the KiTS19 dataset”",
        "a z-score does not lie in [0, 1]; BraTS20 is meant",
        "the z-score; the 3-D U-Net for both",
    ),
    Erratum(
        "§IV",
        "Hybrid “kidney recall of 0.945”",
        "Table 5 says 0.957; 0.945 is its DSC",
        "the tables' numbers",
    ),
)
"""Every erratum."""
